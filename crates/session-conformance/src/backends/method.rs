//! [`Method`]: what a call to a backend asks for, and [`Calls`]: how many there were of each.

use std::fmt;

/// A method of [`SessionBackend`](session_core::SessionBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the trait's method of that name")]
pub enum Method {
    Create,
    Find,
    Update,
    Remove,
    RemoveUser,
    List,
    Get,
    Live,
    Count,
    EndAll,
    PurgeExpired,
    Ping,
}

impl Method {
    /// All of them, in the order of the trait.
    pub const ALL: [Self; 12] = [
        Self::Create,
        Self::Find,
        Self::Update,
        Self::Remove,
        Self::RemoveUser,
        Self::List,
        Self::Get,
        Self::Live,
        Self::Count,
        Self::EndAll,
        Self::PurgeExpired,
        Self::Ping,
    ];

    /// Its name in the trait.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Find => "find",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::RemoveUser => "remove_user",
            Self::List => "list",
            Self::Get => "get",
            Self::Live => "live",
            Self::Count => "count",
            Self::EndAll => "end_all",
            Self::PurgeExpired => "purge_expired",
            Self::Ping => "ping",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many calls there were of each method. For a test's table:
///
/// ```
/// use session_conformance::backends::Calls;
///
/// const NOTHING: Calls = Calls::NONE;
/// const READ: Calls = Calls { find: 1, ..Calls::NONE };
/// const READ_AND_WRITE: Calls = Calls { update: 1, ..READ };
/// # assert_eq!((NOTHING.total(), READ.total(), READ_AND_WRITE.total()), (0, 1, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "each counts the calls of the trait's method of that name")]
pub struct Calls {
    pub create: u32,
    pub find: u32,
    pub update: u32,
    pub remove: u32,
    pub remove_user: u32,
    pub list: u32,
    pub get: u32,
    pub live: u32,
    pub count: u32,
    pub end_all: u32,
    pub purge_expired: u32,
    pub ping: u32,
}

impl Calls {
    /// No call at all.
    pub const NONE: Self = Self {
        create: 0,
        find: 0,
        update: 0,
        remove: 0,
        remove_user: 0,
        list: 0,
        get: 0,
        live: 0,
        count: 0,
        end_all: 0,
        purge_expired: 0,
        ping: 0,
    };

    /// How many there were of this method.
    #[must_use]
    pub const fn of(&self, method: Method) -> u32 {
        match method {
            Method::Create => self.create,
            Method::Find => self.find,
            Method::Update => self.update,
            Method::Remove => self.remove,
            Method::RemoveUser => self.remove_user,
            Method::List => self.list,
            Method::Get => self.get,
            Method::Live => self.live,
            Method::Count => self.count,
            Method::EndAll => self.end_all,
            Method::PurgeExpired => self.purge_expired,
            Method::Ping => self.ping,
        }
    }

    /// How many there were together.
    #[must_use]
    pub fn total(&self) -> u32 {
        Method::ALL.iter().map(|method| self.of(*method)).sum()
    }

    pub(super) const fn count(&mut self, method: Method) {
        let count = match method {
            Method::Create => &mut self.create,
            Method::Find => &mut self.find,
            Method::Update => &mut self.update,
            Method::Remove => &mut self.remove,
            Method::RemoveUser => &mut self.remove_user,
            Method::List => &mut self.list,
            Method::Get => &mut self.get,
            Method::Live => &mut self.live,
            Method::Count => &mut self.count,
            Method::EndAll => &mut self.end_all,
            Method::PurgeExpired => &mut self.purge_expired,
            Method::Ping => &mut self.ping,
        };
        *count += 1;
    }
}
