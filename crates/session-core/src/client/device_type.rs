//! [`DeviceType`]: what kind of device a session runs on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of device a session runs on. In configuration and databases: its lower-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceType {
    /// A computer.
    Desktop,
    /// A phone, or an iPod.
    Mobile,
    /// An iPad or an Android tablet. An iPad that asks for desktop sites, as it does unless told
    /// otherwise, cannot be told from a Mac.
    Tablet,
    /// A crawler or a link preview.
    Bot,
    /// Everything else: HTTP libraries, consoles, television sets, no agent at all.
    #[default]
    Unknown,
}

impl DeviceType {
    /// The name that is stored: `desktop`, `mobile`, `tablet`, `bot` or `unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Tablet => "tablet",
            Self::Bot => "bot",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DeviceType {
    type Err = InvalidDeviceType;

    /// Reads what [`as_str`](Self::as_str) writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, InvalidDeviceType> {
        [Self::Desktop, Self::Mobile, Self::Tablet, Self::Bot, Self::Unknown]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(InvalidDeviceType)
    }
}

/// The text names no [`DeviceType`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidDeviceType;

impl fmt::Display for InvalidDeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device type is one of desktop, mobile, tablet, bot, unknown")
    }
}

impl std::error::Error for InvalidDeviceType {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_types_have_one_spelling() {
        for name in ["desktop", "mobile", "tablet", "bot", "unknown"] {
            let kind: DeviceType = name.parse().unwrap();
            assert_eq!(kind.to_string(), name);
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
            assert_eq!(serde_json::from_value::<DeviceType>(name.into()).unwrap(), kind);
        }
        for text in ["", "Desktop", "phone", " bot"] {
            assert_eq!(text.parse::<DeviceType>(), Err(InvalidDeviceType), "{text}");
        }
    }
}
