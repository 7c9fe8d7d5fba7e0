//! Nothing but benchmarks: `cargo bench --manifest-path xtask/bench/pure/Cargo.toml`.
