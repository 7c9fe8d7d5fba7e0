//! The shell that watches over a server, and outlives whoever started it.

/// $1 the programs, $2 the folder, $3 the port, $4 the lifetime.
///
/// The shell outlives an interrupt and whatever becomes of the process that started it: that one's end
/// closes the pipe. Then the server goes, at once and without writing anything, and its folder too. A
/// line in the pipe starts a server that has ended once more.
///
/// Without fsync a commit is still in the operating system's hands when it is acknowledged: it
/// outlives the server's processes, though not the machine.
pub(crate) const WATCH: &str = r#"
trap '' INT TERM HUP
bin=$1 folder=$2 port=$3 lifetime=$4
begin() {
    "$bin/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=off -c full_page_writes=off -c max_connections=200 \
        -c deadlock_timeout=200ms </dev/null >>"$folder/log" 2>&1 &
    server=$!
}
begin
if [ "$lifetime" = down ]; then
    while [ -e "$folder/keep" ] && kill -0 "$server" 2>/dev/null; do sleep 1; done
else
    while read -r _; do
        wait "$server"
        begin
    done
fi
kill -QUIT "$server" 2>/dev/null
kill -CONT "$server" 2>/dev/null
wait "$server"
rm -rf "$folder"
"#;
