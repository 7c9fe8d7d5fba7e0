//! What a request presents: cookies that this server issued, and all the others.

use session_core::SessionToken;

use crate::backends::Calls;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// A well-formed token that nobody issued.
pub(super) fn forged() -> String {
    SessionToken::generate().expect("randomness").expose()
}

/// A token that this server did not issue never becomes a session: what is stored, and who signs in,
/// gets a token of the server's own. One that is not well-formed is not even looked up, and is left
/// alone.
pub async fn unknown_token_never_adopted(lab: &Lab) {
    let site = Site::open(lab).await;
    let victim = site.signed_in("ann").await;
    let live = victim.present_token();

    for path in ["/get.a", "/set.a.1", "/login.bob", "/login.bob/set.a.1", "/set.a.1/save"] {
        let token = forged();
        let answer = site.ask(path).token(&token).send().await.ok();
        assert_ne!(answer.new_token(), Some(token.clone()), "{path}: the forged token came back");
        assert!(site.found(&token).await.is_none(), "{path}: the forged token is known");
        site.ask("/get.a").token(&token).send().await.no_session();
        if path != "/get.a" {
            let issued = answer.token();
            assert!(site.live(&issued).await.is_some(), "{path}: the token issued is good");
        }
    }

    let malformed: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("blank", b"   ".to_vec()),
        ("capitals", live.to_uppercase().into_bytes()),
        ("one short", live[..63].into()),
        ("one long", format!("{live}0").into()),
        ("in quotes", format!("\"{live}\"").into()),
        ("another encoding", live.replace('a', "%61").replace('b', "%62").into()),
        ("a letter too far", format!("g{}", &live[1..]).into()),
        ("white space inside", format!("{} {}", &live[..32], &live[32..]).into()),
        ("with half a signature", format!("{live}.{}", "A".repeat(42)).into()),
        ("two tokens", format!("{live}{live}").into()),
        ("with a comma", format!("{live},{live}").into()),
        ("a public id", victim.go("/get.a").await.id().expect("a session").into()),
        ("64 bytes of another alphabet", "é".repeat(32).into()),
        ("64 bytes that are no text", vec![0xff; 64]),
        ("far too long", b"a".repeat(65_536)),
        ("tabs", b"\t\t".to_vec()),
    ];
    for (name, value) in malformed {
        site.probe.take_calls();
        let answer = site.ask("/get.a").token(&value).send().await.no_session().no_cookie();
        assert_eq!(site.probe.take_calls(), Calls::NONE, "{name}: looked up");
        assert!(answer.header("vary").is_some(), "{name}: used all the same");
        let answer = site.ask("/set.a.1").token(&value).send().await.ok();
        let issued = answer.token();
        assert_ne!(issued.as_bytes(), value, "{name}: came back");
        assert_ne!(issued, live, "{name}: turned into the live token");
    }
    victim.go("/get.a").await.signed_in("ann");

    // Once issued is not enough: this one ended long ago, and nobody knows it any more.
    let visitor = site.visitor().await;
    let expired = visitor.present_token();
    site.advance(30 * 86_400);
    site.store.purge().await.expect("a purge");
    let answer = site.ask("/set.a.1").token(&expired).send().await.ok();
    assert_ne!(answer.token(), expired, "an expired token came back");
    assert!(site.live(&expired).await.is_none(), "an expired token is live again");
}

/// Several Cookie headers, names that begin alike, and other cookies with bytes above 0x7F are read
/// right; so are many cookies, long ones, and separators that nobody should send.
pub async fn every_cookie_header_read(lab: &Lab) {
    let site = Site::open(lab).await;
    let browser = site.signed_in("ann").await;
    let token = browser.present_token();
    let ours = format!("_session={token}");
    let bytes = |parts: &[&[u8]]| parts.concat();
    let many: String = (0..500).map(|n| format!("c{n}={n}; ")).collect();
    let long = "x".repeat(100_000);
    let other = "0123456789abcdef".repeat(4);
    let headers: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("alone", vec![ours.clone().into()]),
        ("the second header", vec![b"a=1".to_vec(), ours.clone().into()]),
        ("the third header", vec![b"a=1".to_vec(), b"b=2; c=3".to_vec(), ours.clone().into()]),
        ("before other headers", vec![ours.clone().into(), b"a=1".to_vec(), b"\xff=1".to_vec()]),
        ("last of many", vec![format!("{many}{ours}").into()]),
        ("beside a long one", vec![format!("a={long}; {ours}; b={long}").into()]),
        ("bytes before it", vec![bytes(&[b"a=\xff\xfe\x80; ", ours.as_bytes()])]),
        ("bytes behind it", vec![bytes(&[ours.as_bytes(), b"; a=\xc3\x28"])]),
        ("bytes in a name", vec![bytes(&[b"\xe9\xe8=1; ", ours.as_bytes()])]),
        ("bytes in another header", vec![b"caf\xe9=cr\xe8me".to_vec(), ours.clone().into()]),
        ("a name that goes on", vec![format!("_session2={other}; {ours}").into()]),
        ("a name that begins before", vec![format!("my_session={other}; {ours}").into()]),
        ("a shorter name", vec![format!("_sessio={other}; {ours}").into()]),
        ("a name in capitals", vec![format!("_SESSION={other}; {ours}").into()]),
        ("without spaces", vec![format!("a=1;{ours};b=2").into()]),
        ("many spaces", vec![format!("a=1;   {ours}  ;b=2").into()]),
        ("empty pairs", vec![format!(";; ;{ours};;").into()]),
        ("a pair without =", vec![format!("flag; {ours}; flag").into()]),
        ("more = than one", vec![format!("a=b=c==; {ours}; =x").into()]),
        ("quotes around others", vec![format!("a=\"b; c\"; {ours}").into()]),
        ("our name as a value", vec![format!("a=_session; {ours}").into()]),
        ("empty headers", vec![Vec::new(), ours.clone().into(), Vec::new()]),
        ("a hundred headers", {
            let mut lines: Vec<Vec<u8>> = (0..100).map(|n| format!("c{n}={n}").into()).collect();
            lines.push(ours.clone().into());
            lines
        }),
    ];
    for (name, lines) in headers {
        let mut ask = browser.ask("/get.a").without("cookie");
        for line in lines {
            ask = ask.header("cookie", line);
        }
        let answer = ask.send().await.ok();
        assert_eq!(answer.user().as_deref(), Some("ann"), "{name}: the cookie was not read");
    }
    for (name, line) in [
        ("another name", format!("_session2={token}")),
        ("a longer name", format!("x_session={token}")),
        ("capitals", format!("_SESSION={token}")),
        ("no name", token.clone()),
        ("inside of another", format!("a=_session={token}")),
        ("another separator", format!("a=1, _session={token}")),
    ] {
        site.probe.take_calls();
        let answer = browser.ask("/get.a").replace("cookie", line).send().await.ok();
        assert_eq!(answer.id(), None, "{name}: not our cookie, and read as ours");
        assert_eq!(site.probe.take_calls(), Calls::NONE, "{name}: looked up");
    }
}
