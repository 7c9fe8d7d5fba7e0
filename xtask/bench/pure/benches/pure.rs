//! What the decisions of a request cost: tokens, cookies, fingerprints, agents, patches, and a look-up
//! in memory. Through the core's public interface, as an adapter or a backend would call it; what a
//! request says about its client is behind no public function, so those files are compiled in here.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, header};
use session_core::{
    CookieConfig, CookieRules, CookieSecret, Data, DeviceType, Fingerprint, MemoryBackend,
    NewSession, Patch, SessionBackend, SessionConfig, SessionData, SessionId, SessionStore,
    SessionToken, Timestamp, UserId,
};

#[allow(dead_code, reason = "not all of it is measured")]
#[path = "../../../../crates/session-core/src/client/device.rs"]
mod device;
#[allow(dead_code, reason = "not all of it is measured")]
#[path = "../../../../crates/session-core/src/client/fingerprint.rs"]
mod fingerprint;

/// Where these files look for each other.
mod device_type {
    pub(crate) use session_core::DeviceType;
}
mod client {
    pub(crate) use super::device;
}

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
const NEWER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36";
const OTHER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
const NOW: Timestamp = Timestamp::from_micros(1_795_305_600_000_000);

fn tokens(c: &mut Criterion) {
    let token = SessionToken::generate().unwrap();
    let text = token.expose();
    c.bench_function("token/generate", |b| b.iter(SessionToken::generate));
    c.bench_function("token/parse", |b| b.iter(|| SessionToken::parse(black_box(text.as_bytes()))));
    c.bench_function("token/refuse", |b| b.iter(|| SessionToken::parse(black_box(b"not a token"))));
    c.bench_function("token/hash", |b| b.iter(|| black_box(&token).hash()));
    c.bench_function("id/generate", |b| b.iter(|| SessionId::generate(black_box(NOW))));
}

fn cookies(c: &mut Criterion) {
    let token = SessionToken::generate().unwrap();
    let plain = CookieRules::new("_session", &CookieConfig::default()).unwrap();
    let secrets = [CookieSecret::new("0123456789abcdef".repeat(4))];
    let signed = plain.clone().signed(&secrets, None).unwrap();
    let headers = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(text).unwrap());
        headers
    };
    let others = "theme=dark; consent=yes; _ga=GA1.2.1234567890.1700000000; locale=de-AT";
    for (name, rules) in [("plain", &plain), ("signed", &signed)] {
        let value = rules.value(&token);
        let alone = headers(&format!("_session={value}"));
        let among = headers(&format!("{others}; _session={value}"));
        c.bench_function(&format!("cookie/{name}/candidates, alone"), |b| {
            b.iter(|| rules.candidates(black_box(&alone)).len());
        });
        c.bench_function(&format!("cookie/{name}/candidates, among four others"), |b| {
            b.iter(|| rules.candidates(black_box(&among)).len());
        });
        c.bench_function(&format!("cookie/{name}/value"), |b| {
            b.iter(|| rules.value(black_box(&token)));
        });
        c.bench_function(&format!("cookie/{name}/Set-Cookie"), |b| {
            b.iter(|| rules.set(black_box(&value), Some(Duration::from_secs(2_592_000))));
        });
    }
    let none = headers(others);
    c.bench_function("cookie/candidates, none", |b| {
        b.iter(|| plain.candidates(black_box(&none)).len());
    });
    c.bench_function("cookie/removal", |b| b.iter(|| plain.removal()));
}

fn fingerprints(c: &mut Criterion) {
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("de-AT,de;q=0.9,en;q=0.8"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br, zstd"));
    c.bench_function("fingerprint/make/stable", |b| {
        b.iter(|| fingerprint::stable(black_box(Some(AGENT))));
    });
    c.bench_function("fingerprint/make/exact", |b| {
        b.iter(|| fingerprint::exact(black_box(&headers)));
    });
    let stored = fingerprint::stable(Some(AGENT));
    for (name, agent) in
        [("the same agent", AGENT), ("a newer agent", NEWER), ("another browser", OTHER)]
    {
        c.bench_function(&format!("fingerprint/check/{name}"), |b| {
            b.iter(|| {
                fingerprint::check(
                    fingerprint::FingerprintMode::Stable,
                    Some(&stored),
                    black_box(Some(AGENT)),
                    black_box(Some(agent)),
                    || fingerprint::stable(Some(agent)),
                )
            });
        });
    }
}

fn agents(c: &mut Criterion) {
    for (name, agent) in [("Chrome", AGENT), ("Firefox", OTHER), ("nonsense", "a b c d")] {
        c.bench_function(&format!("agent/describe/{name}"), |b| {
            b.iter(|| device::describe(black_box(agent)));
        });
        c.bench_function(&format!("agent/families/{name}"), |b| {
            b.iter(|| device::families(black_box(agent)));
        });
    }
}

fn data(c: &mut Criterion) {
    let mut stored = Data::new();
    for n in 0..20 {
        stored.insert(format!("key {n}"), serde_json::json!({"count": n, "name": "value"}));
    }
    let text = stored.to_json();
    let mut patch = Patch::new();
    patch.set("key 3", 4.into());
    patch.remove("key 5");
    c.bench_function("data/read 20 keys", |b| {
        b.iter(|| Data::from_json(black_box(text.as_bytes())))
    });
    c.bench_function("data/write 20 keys", |b| b.iter(|| black_box(&stored).to_json()));
    c.bench_function("data/size of 20 keys", |b| b.iter(|| black_box(&stored).json_len()));
    c.bench_function("patch/apply to 20 keys", |b| {
        b.iter(|| {
            let mut data = stored.clone();
            black_box(&patch).apply(&mut data);
            data
        });
    });
    let runtime = runtime();
    let store = SessionStore::new(MemoryBackend::new(), SessionConfig::default()).unwrap();
    // Each key is checked, and the size of what would be stored.
    c.bench_function("session/set a key of a new session", |b| {
        b.iter(|| {
            let visit = store.begin();
            visit.attach(
                &http::Method::GET,
                &http::Uri::default(),
                &HeaderMap::new(),
                session_core::Peer::Unknown,
                None,
            );
            let session = runtime.block_on(visit.load()).unwrap();
            session.set("cart", black_box(3)).unwrap();
        });
    });
}

fn memory(c: &mut Criterion) {
    let runtime = runtime();
    for sessions in [1_000, 100_000] {
        let backend = MemoryBackend::new();
        let mut tokens = Vec::new();
        for _ in 0..sessions {
            let token = SessionToken::generate().unwrap().hash();
            runtime.block_on(backend.create(NewSession::new(record(), token), NOW)).unwrap();
            tokens.push(token);
        }
        let mut next = tokens.iter().cycle();
        c.bench_function(&format!("memory/find among {sessions}"), |b| {
            b.to_async(&runtime).iter(|| backend.find(next.next().unwrap(), NOW));
        });
        let unknown = SessionToken::generate().unwrap().hash();
        c.bench_function(&format!("memory/find nothing among {sessions}"), |b| {
            b.to_async(&runtime).iter(|| backend.find(&unknown, NOW));
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn record() -> SessionData {
    SessionData {
        user_id: Some(UserId::new("user-0000001").unwrap()),
        user_agent: Some(AGENT.to_owned()),
        device_name: "Chrome on Windows".to_owned(),
        device_type: DeviceType::Desktop,
        fingerprint: Fingerprint::from_bytes(&[1; 33]),
        authenticated_at: Some(NOW),
        ..SessionData::new(SessionId::generate(NOW).unwrap(), NOW, Duration::from_secs(2_592_000))
    }
}

criterion_group!(benches, tokens, cookies, fingerprints, agents, data, memory);
criterion_main!(benches);
