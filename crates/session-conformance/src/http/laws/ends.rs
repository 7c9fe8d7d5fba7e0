//! Ways in which the token of a signed-in browser ends, for the laws on dead tokens.

use session_core::{EndedBy, UserId};

use crate::http::browser::Browser;
use crate::http::exchange::Ask;
use crate::http::lab::Lab;
use crate::http::site::Site;

/// How a token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its own browser signs out, in the tab beside.
    SignsOut,
    SignsOutEverywhere,
    /// Its own browser signs in again.
    SignsIn,
    Reauthenticates,
    /// Its own browser gets another token, and the grace is over.
    Rotates,
    /// An administrator ends every session of the user, as a password reset does.
    RevokedAll,
    Revoked,
    /// The user ends it on another device: by the list, all others, or everything.
    FromTheList,
    AsOneOfTheOthers,
    Everywhere,
    Evicted,
}

/// Those that its own browser asked for: a newer cookie, or a removal, is on its way.
pub(super) const BY_ITSELF: [End; 5] =
    [End::SignsOut, End::SignsOutEverywhere, End::SignsIn, End::Reauthenticates, End::Rotates];

pub(super) const FROM_ELSEWHERE: [End; 6] = [
    End::RevokedAll,
    End::Revoked,
    End::FromTheList,
    End::AsOneOfTheOthers,
    End::Everywhere,
    End::Evicted,
];

impl End {
    pub(super) const fn how(self) -> EndedBy {
        match self {
            Self::SignsOut | Self::SignsOutEverywhere => EndedBy::SignedOut,
            Self::SignsIn => EndedBy::Replaced,
            Self::Reauthenticates | Self::Rotates => EndedBy::Rotated,
            Self::RevokedAll
            | Self::Revoked
            | Self::FromTheList
            | Self::AsOneOfTheOthers
            | Self::Everywhere => EndedBy::Revoked,
            Self::Evicted => EndedBy::Evicted,
        }
    }

    /// A site where every end can come about.
    pub(super) async fn site(lab: &Lab, save_unchanged: bool) -> Site {
        Site::with(lab, |config| {
            config.save_unchanged = save_unchanged;
            config.max_sessions_per_user = 2;
        })
        .await
    }

    /// Ends the token of a browser in which this user, and nobody else, has signed in. The browser does not
    /// get the answer; returns the token that it carried. The token has ended at this very moment.
    pub(super) async fn happen(self, site: &Site, browser: &Browser, user: &str) -> Option<String> {
        let own = async |path: String| browser.ask(&path).send().await.ok().new_token();
        let elsewhere = async |path: String| {
            let other = site.signed_in(user).await;
            other.go(&path).await.ok();
            None
        };
        let id = site.live(&browser.present_token()).await.expect("a live session").id;
        match self {
            Self::SignsOut => own("/logout".to_owned()).await,
            Self::SignsOutEverywhere => own("/logout-all".to_owned()).await,
            Self::SignsIn => own(format!("/login.{user}")).await,
            Self::Reauthenticates => own("/reauthenticate".to_owned()).await,
            Self::Rotates => {
                let token = own("/rotate".to_owned()).await;
                site.advance(site.store.config().rotation_grace_secs);
                token
            }
            Self::RevokedAll => {
                let user = UserId::new(user).expect("a user id");
                site.store.revoke_all(&user).await.expect("a revocation");
                None
            }
            Self::Revoked => {
                site.store.revoke(&id).await.expect("a revocation");
                None
            }
            Self::FromTheList => elsewhere(format!("/revoke.{id}")).await,
            Self::AsOneOfTheOthers => elsewhere("/logout-others".to_owned()).await,
            Self::Everywhere => elsewhere("/logout-all".to_owned()).await,
            Self::Evicted => {
                for _ in 0..2 {
                    site.advance(1);
                    site.signed_in(user).await;
                }
                None
            }
        }
    }
}

/// A request of this browser's that presents these tokens, and no other.
pub(super) fn presenting(browser: &Browser, path: &str, tokens: &[&str]) -> Ask {
    let ask = browser.ask(path).without("cookie");
    tokens.iter().fold(ask, Ask::token)
}
