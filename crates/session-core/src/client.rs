//! What a request says about who sent it, and what of that is believed.

mod agent;
pub(crate) mod device;
pub(crate) mod device_type;
pub(crate) mod families;
pub(crate) mod fingerprint;
pub(crate) mod forwarded;
pub(crate) mod ip;
pub(crate) mod meta;
pub(crate) mod plain;
pub(crate) mod proxies;
mod readings;
pub(crate) mod scheme;
pub(crate) mod site;
pub(crate) mod verdict;

pub use self::device_type::{DeviceType, InvalidDeviceType};
pub use self::fingerprint::{Fingerprint, FingerprintMode, MismatchAction};
pub use self::forwarded::ForwardedHeader;
pub use self::meta::SessionMeta;
pub use self::proxies::Peer;
pub use self::scheme::Scheme;
