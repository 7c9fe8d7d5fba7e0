//! Browsers and systems in coarse families, as a stable fingerprint compares them.

/// A family of browsers, or a program that is no browser and known as such.
///
/// Browsers that share a family cannot be told apart reliably: Vivaldi shows itself as Chrome to
/// most sites, a page on an iPhone's home screen starts with Safari's cookies under an agent
/// without Safari's name. The names are part of stored fingerprints: a renamed family makes every
/// stored digest of it stale (which costs time, and signs nobody out).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub(crate) enum BrowserFamily {
    /// Chrome and Chromium on every system, `CriOS` included, and browsers that pass for them
    /// (Brave, Vivaldi, Electron).
    Chrome,
    /// Microsoft Edge on every system, `EdgA` and `EdgiOS` included.
    Edge,
    /// Firefox on every system, `FxiOS` included.
    Firefox,
    /// Safari, and pages in an iOS web view.
    Safari,
    /// Opera.
    Opera,
    /// Samsung Internet.
    SamsungInternet,
    /// An Android web view inside an application.
    WebView,
    /// Another browser, by name.
    Other(&'static str),
    /// An HTTP library or command-line client, by name: a cookie that moves from a browser to
    /// `curl` was copied.
    HttpLibrary(&'static str),
    /// Crawlers and link previews, all in one family.
    Bot,
}

impl BrowserFamily {
    /// The name that goes into a stable fingerprint.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari",
            Self::Opera => "Opera",
            Self::SamsungInternet => "Samsung Internet",
            Self::WebView => "Web view",
            Self::Other(name) | Self::HttpLibrary(name) => name,
            Self::Bot => "Bot",
        }
    }
}

/// A family of operating systems between which one device moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub(crate) enum SystemFamily {
    /// Every Windows.
    Windows,
    /// macOS, iPhone, iPad, iPod: an iPad that asks for desktop sites says `Macintosh`.
    Apple,
    /// Linux and Android: "request desktop site" on Android says `X11; Linux x86_64`.
    LinuxAndroid,
    /// ChromeOS.
    ChromeOs,
    /// Another system, by name.
    Other(&'static str),
}

impl SystemFamily {
    /// The name that goes into a stable fingerprint.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Apple => "Apple",
            Self::LinuxAndroid => "Linux",
            Self::ChromeOs => "ChromeOS",
            Self::Other(name) => name,
        }
    }
}
