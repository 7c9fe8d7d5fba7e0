//! What a `User-Agent` says about the device: a name for the device list, and the coarse families
//! that a stable fingerprint compares.
//!
//! The header is the client's own claim. It is good enough to help a person recognise their
//! devices, and never a reason to grant anything.

use super::agent::{Agent, Client};
use super::device_type::DeviceType;
use super::families::{BrowserFamily, SystemFamily};

/// A device as a person would recognise it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// "Chrome on macOS", "Safari on iPhone", "curl", "Googlebot", or "Unknown device". Made from
    /// fixed words, except that a bot's own name is taken from its agent (at most 40 ASCII
    /// letters, digits, `-` and `_`).
    pub name: String,
    /// What kind of device it is.
    pub kind: DeviceType,
}

/// What a device is called of which nothing is known.
pub(crate) const UNKNOWN: &str = "Unknown device";

/// The device behind a `User-Agent`, and its families. An agent that says nothing is "Unknown device".
pub(crate) fn read(user_agent: &str) -> (Device, Families) {
    let agent = Agent::read(user_agent);
    (describe_as(&agent, user_agent), families_of(&agent))
}

#[cfg(test)]
pub(crate) fn describe(user_agent: &str) -> Device {
    read(user_agent).0
}

fn describe_as(agent: &Agent, user_agent: &str) -> Device {
    let name = match (agent.client, agent.system) {
        (Client::Browser(label, _), Some(system)) => format!("{label} on {}", system.label),
        (Client::Browser(label, _) | Client::Library(label), _) => label.to_owned(),
        (Client::Bot, _) => bot_name(user_agent).unwrap_or("Bot").to_owned(),
        (Client::Helper | Client::Unknown, Some(system)) => system.label.to_owned(),
        (Client::Helper | Client::Unknown, None) => UNKNOWN.to_owned(),
    };
    let kind = match (agent.client, agent.system) {
        (Client::Bot, _) => DeviceType::Bot,
        (Client::Browser(..), Some(system)) if system.label == "Android" => {
            android_kind(user_agent)
        }
        (_, Some(system)) => system.kind,
        (_, None) => DeviceType::Unknown,
    };
    Device { name, kind }
}

/// The families that an update, a display preference or "request desktop site" does not change.
///
/// `None` is unknown: it neither matches nor differs from anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Families {
    /// The browser, HTTP library or bot.
    pub browser: Option<BrowserFamily>,
    /// The operating system.
    pub system: Option<SystemFamily>,
}

/// The families of a `User-Agent`. HTTP libraries and bots have no system; media and download
/// helpers have neither family, because they fetch for a browser, on another device even (`AirPlay`
/// hands the address to the television set).
pub(crate) fn families(user_agent: &str) -> Families {
    families_of(&Agent::read(user_agent))
}

fn families_of(agent: &Agent) -> Families {
    let browser = match agent.client {
        Client::Browser(_, family) => Some(family),
        Client::Library(name) => Some(BrowserFamily::HttpLibrary(name)),
        Client::Bot => Some(BrowserFamily::Bot),
        Client::Helper => return Families::default(),
        Client::Unknown => None,
    };
    Families { browser, system: agent.system.map(|system| system.family) }
}

/// Whether one agent can be the other's after "request desktop site", though it then goes by
/// another browser's name.
///
/// Firefox on iOS does: `FxiOS` in its mobile agent, plain Safari on a Mac in its desktop one,
/// which is also what it sends on an iPad (`UserAgent.swift` in mozilla-mobile/firefox-ios). The
/// other browsers keep their names.
pub(crate) fn one_is_desktop_site_of_other(one: &str, other: &str) -> bool {
    let shows = |text: &str| {
        text.contains("(Macintosh;") && families(text).browser == Some(BrowserFamily::Safari)
    };
    (one.contains("FxiOS/") && shows(other)) || (other.contains("FxiOS/") && shows(one))
}

/// Android says `Mobile` on phones and leaves it out on tablets; Firefox says which.
fn android_kind(text: &str) -> DeviceType {
    if text.contains("TV") || text.contains("CrKey") {
        DeviceType::Unknown
    } else if text.contains("Mobile") || text.contains("Opera Mini") {
        DeviceType::Mobile
    } else {
        DeviceType::Tablet
    }
}

/// What a crawler calls itself: the word with "bot" or the like in it, or else its first product.
fn bot_name(text: &str) -> Option<&str> {
    let words = || {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .filter(|word| (4..=40).contains(&word.len()))
    };
    let telling = |word: &&str| {
        ["bot", "spider", "crawler"].iter().any(|part| {
            word.as_bytes().windows(part.len()).any(|w| w.eq_ignore_ascii_case(part.as_bytes()))
        })
    };
    words().find(telling).or_else(|| words().next().filter(|word| *word != "Mozilla"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0";
    const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
    const IPHONE: &str = "(iPhone; CPU iPhone OS 18_7 like Mac OS X)";
    const IPAD: &str = "(iPad; CPU OS 18_7 like Mac OS X)";
    const MAC: &str = "(Macintosh; Intel Mac OS X 10_15_7)";

    /// `families`: "browser/system", each empty if unknown.
    fn check(agent: &str, name: &str, kind: DeviceType, expected: &str) {
        let agent = agent
            .replace("{moz}", "Mozilla/5.0")
            .replace("{chrome}", CHROME)
            .replace("{webkit}", WEBKIT)
            .replace("{iphone}", IPHONE)
            .replace("{ipad}", IPAD)
            .replace("{mac}", MAC)
            .replace("{win}", "(Windows NT 10.0; Win64; x64)")
            .replace("{x11}", "(X11; Linux x86_64)")
            .replace("{android}", "(Linux; Android 10; K)");
        assert_eq!(describe(&agent), Device { name: name.to_owned(), kind }, "{agent}");
        let found = families(&agent);
        let found = format!(
            "{}/{}",
            found.browser.map_or("", BrowserFamily::name),
            found.system.map_or("", SystemFamily::name)
        );
        assert_eq!(found, expected, "{agent}");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn browsers() {
        use DeviceType::{Desktop, Mobile, Tablet, Unknown};
        check("{moz} {win} {chrome} Safari/537.36", "Chrome on Windows", Desktop, "Chrome/Windows");
        check("{moz} {mac} {chrome} Safari/537.36", "Chrome on macOS", Desktop, "Chrome/Apple");
        check("{moz} {x11} {chrome} Safari/537.36", "Chrome on Linux", Desktop, "Chrome/Linux");
        check("{moz} (X11; CrOS x86_64 14541.0.0) {chrome} Safari/537.36", "Chrome on ChromeOS", Desktop, "Chrome/ChromeOS");
        check("{moz} {android} {chrome} Mobile Safari/537.36", "Chrome on Android", Mobile, "Chrome/Linux");
        check("{moz} {android} {chrome} Safari/537.36", "Chrome on Android", Tablet, "Chrome/Linux");
        check("{moz} {iphone} {webkit} CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1", "Chrome on iPhone", Mobile, "Chrome/Apple");
        check("{moz} {ipad} {webkit} CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1", "Chrome on iPad", Tablet, "Chrome/Apple");
        check("{moz} {mac} {webkit} CriOS/142 Version/11.1.1 Safari/605.1.15", "Chrome on macOS", Desktop, "Chrome/Apple");
        check("{moz} (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on Windows", Desktop, "Firefox/Windows");
        check("{moz} (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on macOS", Desktop, "Firefox/Apple");
        check("{moz} (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on Linux", Desktop, "Firefox/Linux");
        check("{moz} (X11; OpenBSD amd64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on BSD", Desktop, "Firefox/BSD");
        check("{moz} (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0", "Firefox on Android", Mobile, "Firefox/Linux");
        check("{moz} (Android 15; Tablet; rv:144.0) Gecko/144.0 Firefox/144.0", "Firefox on Android", Tablet, "Firefox/Linux");
        check("{moz} {iphone} {webkit} FxiOS/144.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPhone", Mobile, "Firefox/Apple");
        check("{moz} {mac} {webkit} Version/26.0 Safari/605.1.15", "Safari on macOS", Desktop, "Safari/Apple");
        check("{moz} {iphone} {webkit} Version/26.0 Mobile/15E148 Safari/604.1", "Safari on iPhone", Mobile, "Safari/Apple");
        check("{moz} {ipad} {webkit} Version/26.0 Mobile/15E148 Safari/604.1", "Safari on iPad", Tablet, "Safari/Apple");
        check("{moz} (iPod touch; CPU iPhone OS 15_8 like Mac OS X) {webkit} Version/15.6 Mobile/15E148 Safari/604.1", "Safari on iPod", Mobile, "Safari/Apple");
        check("{moz} {iphone} {webkit} Mobile/15E148", "Web view on iPhone", Mobile, "Safari/Apple");
        check("{moz} {mac} {webkit}", "Web view on macOS", Desktop, "Safari/Apple");
        check("{moz} {win} {chrome} Safari/537.36 Edg/142.0.0.0", "Edge on Windows", Desktop, "Edge/Windows");
        check("{moz} {android} {chrome} Mobile Safari/537.36 EdgA/142.0.0.0", "Edge on Android", Mobile, "Edge/Linux");
        check("{moz} {iphone} {webkit} Version/18.0 EdgiOS/142.0.3595.66 Mobile/15E148 Safari/604.1", "Edge on iPhone", Mobile, "Edge/Apple");
        check("{moz} {win} {chrome} Safari/537.36 OPR/124.0.0.0", "Opera on Windows", Desktop, "Opera/Windows");
        check("Opera/9.80 (Android; Opera Mini/80.0/191.273; U; en) Presto/2.12.423 Version/12.16", "Opera on Android", Mobile, "Opera/Linux");
        check("{moz} {android} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36", "Samsung Internet on Android", Mobile, "Samsung Internet/Linux");
        check("{moz} {x11} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Safari/537.36", "Samsung Internet on Linux", Desktop, "Samsung Internet/Linux");
        check("{moz} {win} {chrome} Safari/537.36 Vivaldi/7.6.3797.63", "Vivaldi on Windows", Desktop, "Chrome/Windows");
        check("{moz} {win} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 YaBrowser/25.10.0.0 Safari/537.36", "Yandex Browser on Windows", Desktop, "Yandex Browser/Windows");
        check("{moz} (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer on Windows", Desktop, "Internet Explorer/Windows");
        check("{moz} {iphone} {webkit} GSA/394.0.826879170 Mobile/15E148 Safari/604.1", "Google app on iPhone", Mobile, "Google app/Apple");
        check("{moz} (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.7444.48 Mobile Safari/537.36", "Web view on Android", Mobile, "Web view/Linux");
        check("{moz} (Linux; Android 9; CUBOT NOTE Build/PPR1) {chrome} Mobile Safari/537.36", "Chrome on Android", Mobile, "Chrome/Linux");
        check("{moz} (Linux; Android 14; BRAVIA 4K TV) {chrome} Safari/537.36", "Chrome on Android", Unknown, "Chrome/Linux");
        check("{moz} (PlayStation; PlayStation 5/6.50) {webkit} Version/15.4 Safari/605.1.15", "Safari on PlayStation", Unknown, "Safari/PlayStation");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn bots_libraries_and_helpers() {
        use DeviceType::{Bot, Desktop, Mobile, Unknown};
        check("{moz} {webkit} (compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/142.0.0.0 Safari/537.36", "Googlebot", Bot, "Bot/");
        check("{moz} (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot", Bot, "Bot/");
        check("{moz} {mac} {webkit} Version/17.4 Safari/605.1.15 (Applebot/0.1)", "Applebot", Bot, "Bot/");
        check("{moz} AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot", Bot, "Bot/");
        check("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit", Bot, "Bot/");
        check("{moz} (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", "Bot", Bot, "Bot/");
        check("curl/8.5.0", "curl", Unknown, "curl/");
        check("Wget/1.21.4", "Wget", Unknown, "Wget/");
        check("python-requests/2.32.3", "python-requests", Unknown, "python-requests/");
        check("Python/3.12 aiohttp/3.10.5", "aiohttp", Unknown, "aiohttp/");
        check("Go-http-client/2.0", "Go-http-client", Unknown, "Go-http-client/");
        check("okhttp/4.12.0", "okhttp", Unknown, "okhttp/");
        check("reqwest/0.12.9", "reqwest", Unknown, "reqwest/");
        check("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "node-fetch", Unknown, "node-fetch/");
        check("Apache-HttpClient/4.5.14 (Java/17.0.9)", "Java", Unknown, "Java/");
        check("{moz} (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391", "PowerShell", Unknown, "PowerShell/");
        check("AppleCoreMedia/1.0.0.22A3354 (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)", "iPhone", Mobile, "/");
        check("stagefright/1.2 (Linux;Android 9)", "Android", Mobile, "/");
        check("AndroidDownloadManager/15 (Linux; U; Android 15; Pixel 9 Build/AP4A)", "Android", Mobile, "/");
        check("Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP4A)", "Android", Mobile, "/");
        check("MyApp/1.0 CFNetwork/1568.200.51 Darwin/24.1.0", "iOS", Mobile, "/");
        check("Windows-Media-Player/12.0.26100", "Windows", Desktop, "/");
        check("VLC/3.0.20 LibVLC/3.0.20", "Unknown device", Unknown, "/");
        check("{moz}", "Unknown device", Unknown, "/");
        check("-", "Unknown device", Unknown, "/");
        check("", "Unknown device", Unknown, "/");
    }

    #[test]
    #[rustfmt::skip] // one case per line
    fn desktop_site_of_firefox_on_ios() {
        let mobile = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/144.0 Mobile/15E148 Safari/605.1.15";
        let desktop = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15";
        let chrome = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
        assert!(one_is_desktop_site_of_other(mobile, desktop));
        assert!(one_is_desktop_site_of_other(desktop, mobile));
        assert!(!one_is_desktop_site_of_other(mobile, chrome));
        assert!(!one_is_desktop_site_of_other(desktop, chrome));
    }
}
