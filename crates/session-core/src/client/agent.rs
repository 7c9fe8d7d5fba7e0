//! One `User-Agent`, taken apart.
//!
//! The parsing is woothee's; what it does not know (newer HTTP libraries, media and download helpers, a few
//! systems) is told apart here.

use super::device_type::DeviceType;
use super::families::{BrowserFamily, SystemFamily};

/// One agent, taken apart.
pub(crate) struct Agent {
    pub(crate) client: Client,
    pub(crate) system: Option<System>,
}

#[derive(Clone, Copy)]
pub(crate) enum Client {
    Browser(&'static str, BrowserFamily),
    Library(&'static str),
    Bot,
    Helper,
    Unknown,
}

#[derive(Clone, Copy)]
pub(crate) struct System {
    pub(crate) label: &'static str,
    pub(crate) family: SystemFamily,
    pub(crate) kind: DeviceType,
}

impl Agent {
    pub(crate) fn read(text: &str) -> Self {
        // Before woothee, which takes some of these for browsers or does not know them.
        if let Some(name) = library(text) {
            return Self { client: Client::Library(name), system: None };
        }
        if is_bot(text) {
            return Self { client: Client::Bot, system: None };
        }
        let helper = HELPERS.iter().any(|word| text.contains(word));
        let Some(parsed) = woothee::parser::Parser::new().parse(text) else {
            let client = if helper { Client::Helper } else { Client::Unknown };
            return Self { client, system: system("", text) };
        };
        let system = system(parsed.os, text);
        let client = match (parsed.category, parsed.name) {
            _ if helper => Client::Helper,
            // Crawlers; feed readers and the like. The HTTP libraries are in our own list.
            ("crawler" | "misc", _) => Client::Bot,
            (_, name) => browser(name, system, text),
        };
        let system = if matches!(client, Client::Bot) { None } else { system };
        Self { client, system }
    }
}

/// woothee's names, and ours for them.
fn browser(name: &str, system: Option<System>, text: &str) -> Client {
    use BrowserFamily as Family;
    let apple = system.is_some_and(|system| system.family == SystemFamily::Apple);
    let (label, family) = match name {
        "Chrome" => ("Chrome", Family::Chrome),
        "Vivaldi" => ("Vivaldi", Family::Chrome),
        "Edge" => ("Edge", Family::Edge),
        "Firefox" => ("Firefox", Family::Firefox),
        "Safari" => ("Safari", Family::Safari),
        "Opera" => ("Opera", Family::Opera),
        "SamsungBrowser" => ("Samsung Internet", Family::SamsungInternet),
        "Webview" if apple => ("Web view", Family::Safari),
        "Webview" => ("Web view", Family::WebView),
        "Google Search App" => ("Google app", Family::Other("Google app")),
        // A site on a Mac's dock, which begins with Safari's cookies, names no browser at all.
        woothee::woothee::VALUE_UNKNOWN if apple && text.contains("AppleWebKit/") => {
            ("Web view", Family::Safari)
        }
        _ => match OTHER_BROWSERS.iter().copied().find(|other| *other == name) {
            Some(other) => (other, Family::Other(other)),
            None => return Client::Unknown,
        },
    };
    Client::Browser(label, family)
}

/// The system by woothee's name for it, or by a word in the agent that woothee does not look for.
fn system(os: &str, text: &str) -> Option<System> {
    use DeviceType::{Desktop, Mobile, Tablet, Unknown};
    use SystemFamily as Family;
    let (label, family, kind) = match os {
        _ if text.contains("PlayStation") || text.contains("PLAYSTATION") => {
            ("PlayStation", Family::Other("PlayStation"), Unknown)
        }
        _ if text.contains("Nintendo") => ("Nintendo", Family::Other("Nintendo"), Unknown),
        _ if text.contains("Xbox") => ("Xbox", Family::Other("Xbox"), Unknown),
        _ if text.contains("KAIOS") => ("KaiOS", Family::Other("KaiOS"), Mobile),
        _ if text.contains("Tizen") || text.contains("Web0S") => {
            ("smart TV", Family::LinuxAndroid, Unknown)
        }
        "Windows Phone OS" => ("Windows Phone", Family::Windows, Mobile),
        _ if os.starts_with("Windows") || text.contains("Windows NT") => {
            ("Windows", Family::Windows, Desktop)
        }
        "Mac OSX" | "Mac OS Classic" => ("macOS", Family::Apple, Desktop),
        "iPhone" => ("iPhone", Family::Apple, Mobile),
        "iPad" => ("iPad", Family::Apple, Tablet),
        "iPod" => ("iPod", Family::Apple, Mobile),
        "iOS" => ("iOS", Family::Apple, Mobile),
        // Or a tablet: `android_kind` looks closer at browsers.
        "Android" => ("Android", Family::LinuxAndroid, Mobile),
        "Linux" => ("Linux", Family::LinuxAndroid, Desktop),
        "ChromeOS" => ("ChromeOS", Family::ChromeOs, Desktop),
        _ if os == "BSD" || text.contains("BSD ") => ("BSD", Family::Other("BSD"), Desktop),
        "BlackBerry" | "BlackBerry 10" => ("BlackBerry", Family::Other("BlackBerry"), Mobile),
        _ => return None,
    };
    Some(System { label, family, kind })
}

/// The HTTP library, by the agent's first product (RFC 9110 section 10.1.5: the most significant
/// one comes first).
fn library(text: &str) -> Option<&'static str> {
    let product = text.split(['/', ' ']).next().unwrap_or_default();
    if product == "Mozilla" {
        return text.contains("PowerShell/").then_some("PowerShell");
    }
    let known = LIBRARIES.iter().copied().find(|known| known.eq_ignore_ascii_case(product))?;
    Some(match known {
        "Java" | "Java-http-client" | "Apache-HttpClient" | "Jakarta" => "Java",
        "Python" if text.contains("aiohttp/") => "aiohttp",
        known => known,
    })
}

/// Crawlers that dress as browsers: `SomethingBot/1.0`, or an address to complain to.
fn is_bot(text: &str) -> bool {
    let named = |w: &[u8]| matches!(w, [name @ .., b'/', digit] if digit.is_ascii_digit() && name.eq_ignore_ascii_case(b"bot"));
    text.contains("+http") || text.as_bytes().windows(5).any(named)
}

/// Programs that fetch for a browser or an application: their agent says nothing about who asked.
#[rustfmt::skip] // a word list
const HELPERS: &[&str] = &[
    "CoreMedia", "stagefright", "DownloadManager", "VLC/", "Lavf/", "NSPlayer",
    "Windows-Media-Player", "ExoPlayer", "AndroidXMedia3", "libmpv", "mpv/", "GStreamer",
    "QuickTime", "CFNetwork/", "Dalvik/",
];

/// First products of HTTP libraries and command-line clients, compared without case.
#[rustfmt::skip] // a word list
const LIBRARIES: &[&str] = &[
    "curl", "libcurl", "Wget", "Wget2", "HTTPie", "xh", "PowerShell", "PostmanRuntime", "insomnia",
    "bruno-runtime", "python-requests", "python-httpx", "python-urllib", "python-urllib3", "Python",
    "aiohttp", "urllib3", "Scrapy", "Go-http-client", "fasthttp", "go-resty", "k6", "okhttp",
    "ktor-client", "ReactorNetty", "Vert.x-WebClient", "Java", "Java-http-client",
    "Apache-HttpClient", "Jakarta", "unirest-java", "akka-http", "Jetty", "RestSharp", "reqwest",
    "hyper", "ureq", "isahc", "surf", "axios", "node-fetch", "node", "undici", "got",
    "node-superagent", "Deno", "Bun", "libwww-perl", "LWP", "WWW-Mechanize", "Ruby", "Faraday",
    "Typhoeus", "http.rb", "GuzzleHttp", "PHP", "Dart", "hackney", "lua-resty-http", "ApacheBench",
    "hey",
];

/// woothee's names of browsers that are not worth a family of their own.
#[rustfmt::skip] // a word list
const OTHER_BROWSERS: &[&str] = &[
    "Internet Explorer", "Yandex Browser", "Sleipnir", "InternetTVBrowser", "docomo", "au by KDDI",
    "SoftBank Mobile", "WILLCOM", "emobile", "jig browser", "SymbianOS",
];
