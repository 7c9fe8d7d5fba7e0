//! Another site: a server of the test's own, whose one page makes the browser send requests to the demo, or sets
//! a cookie.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// It serves until it is dropped.
pub(super) struct OtherSite {
    pub(super) address: SocketAddr,
    _serving: JoinSet<()>,
}

impl OtherSite {
    /// `shop` is where the demo is, such as `http://127.0.0.1:3000`.
    pub(super) async fn against(shop: &str) -> Self {
        Self::serving("", page(shop)).await
    }

    /// Its answers set this cookie, which is given as in the header.
    pub(super) async fn setting(cookie: &str) -> Self {
        let page = "<!doctype html>\n<title>Elsewhere</title>\n".to_owned();
        Self::serving(&format!("set-cookie: {cookie}\r\n"), page).await
    }

    async fn serving(headers: &str, page: String) -> Self {
        let headers = headers.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\
                     connection: close\r\n{headers}content-length: {}\r\n\r\n{page}",
                    page.len()
                );
                answers.spawn(async move {
                    // The head of a request is not longer, and a page has no other.
                    let _ = stream.read(&mut [0; 16 * 1024]).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, _serving: serving }
    }
}

/// What asks in the background says so in the title when it has its answer, or none.
fn page(shop: &str) -> String {
    format!(
        r##"<!doctype html>
<title>Elsewhere</title>
<form id="updates" method="post" action="{shop}/api/increment/n"><button>Win</button></form>
<form id="sets" method="post" action="{shop}/api/fail/note?status=401" enctype="text/plain">
  <input type="hidden" name='{{"wrong":"' value='"}}'><button>Win more</button></form>
<form id="framed" method="post" action="{shop}/api/increment/n" target="frame">
  <button>Win unseen</button></form>
<iframe name="frame"></iframe>
<a href="{shop}/">A shop</a>
<script>
const shop = "{shop}";
const done = () => document.title = "answered";
function fetches(method, path) {{
  fetch(shop + path, {{ method, mode: "no-cors", credentials: "include" }}).then(done, done);
}}
function shows(tag, path) {{
  const one = document.createElement(tag);
  one.onload = one.onerror = done;
  one.src = shop + path;
  document.body.append(one);
}}
function submits() {{
  document.querySelector("iframe").onload = done;
  document.querySelector("#framed").submit();
}}
</script>
"##
    )
}
