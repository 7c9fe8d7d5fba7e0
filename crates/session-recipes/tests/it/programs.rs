//! Programs: native clients.

use session_core::SessionConfig;
use session_recipes::{on_axum, on_salvo};

use super::support::everywhere;

#[tokio::test]
async fn bearer() {
    let salvo = |store| salvo_core::Service::new(on_salvo::bearer::app(store));
    everywhere(SessionConfig::default(), on_axum::bearer::app, salvo, async |client, _| {
        let issued = client.post("/api/sign-in").await;
        assert_eq!(issued.set_cookies().len(), 0);
        assert_eq!(issued.header("cache-control"), Some("no-store"));
        let first = format!("Bearer {}", issued.text());
        let as_first = |path: &str| client.get(path).header("authorization", &first);
        assert_eq!(as_first("/api/me").await.text(), "alice");

        let rotated = client.post("/api/rotate").header("authorization", &first).await;
        let second = format!("Bearer {}", rotated.text());
        assert_ne!(first, second);
        let me = client.get("/api/me").header("authorization", &second).await;
        assert_eq!(me.text(), "alice");
        let out = client.post("/api/sign-out").header("authorization", &second).await;
        assert_eq!((out.status().as_u16(), out.set_cookies().len()), (200, 0));
        let me = client.get("/api/me").header("authorization", &second).await;
        assert_eq!(me.status(), 401);
    })
    .await;
}
