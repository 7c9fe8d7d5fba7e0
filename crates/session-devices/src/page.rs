//! [`DevicesPage`]: where a user is signed in, as a page.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use session_core::{
    CrossSiteGuard, Error, ErrorKind, Next, RequestHead, SafePath, Session, local_path,
};

use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::rules::{self, Rules};
use crate::view::{Devices, Links, Page, Shows};
use crate::words::{Text, Words};

/// The page's own looks: light and dark, for phones and desks. For an application that serves it with a
/// stylesheet of its own; else the routes serve it.
pub const STYLE: &str = include_str!("style.css");

/// Nothing runs and nothing is loaded but the stylesheet, and nobody frames the page.
const STRICT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What a document of the application's own may load is its own matter; that others frame a page whose
/// buttons end sessions is not.
const UNFRAMED: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");

type ChooseWords = dyn Fn(RequestHead<'_>) -> Arc<Words> + Send + Sync;
type MakeDocument = dyn Fn(&Page<'_>) -> String + Send + Sync;

/// The page that shows users where they are signed in, ready to mount: with `axum_routes` (feature
/// `axum`) or `salvo_router` (feature `salvo`), at any path, behind the sessions' layer.
///
/// | Request | Answer |
/// | --- | --- |
/// | `GET /` | 200, the page |
/// | `POST /{id}/revoke` | ends one, then 303 to the page, also if it is gone already or another user's; 303 to [`after_sign_out`](Self::after_sign_out) if it was this one; 400 for what is no id |
/// | `POST /logout-others` | ends all others, then 303 to the page |
/// | `POST /logout-all` | ends all, then 303 to [`after_sign_out`](Self::after_sign_out) |
/// | `GET /style.css` | the stylesheet, [`STYLE`] |
///
/// A visitor is answered with 401, or sent to [`sign_in_page`](Self::sign_in_page). What another site
/// made the browser send is 403, a session that ended meanwhile 409, an outage 503 with Retry-After;
/// each as a page. Another method is the framework's 405.
///
/// The page runs no script, works with a keyboard, and fits phones and desks, in light and in dark, as
/// the device is set. Its Content-Security-Policy allows the stylesheet and nothing else; a layer around
/// it may say more.
#[derive(Clone)]
pub struct DevicesPage {
    rules: Rules,
    words: Arc<ChooseWords>,
    document: Option<Arc<MakeDocument>>,
    policy: HeaderValue,
    base: Option<Text>,
    logout_others: Option<Text>,
    logout_all: Option<Text>,
    stylesheet: Option<Text>,
    sign_in: Option<Text>,
    confirm: Option<Text>,
    after_sign_out: Text,
}

/// What is asked of [`DevicesPage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageAction<'a> {
    /// `GET /`
    Show,
    /// `POST /{id}/revoke`, with the id as it was sent.
    End(&'a str),
    /// `POST /logout-others`
    EndOthers,
    /// `POST /logout-all`
    EndAll,
    /// `GET /style.css`
    Stylesheet,
}

impl Default for DevicesPage {
    fn default() -> Self {
        Self::new()
    }
}

impl DevicesPage {
    /// In English, with a document and a stylesheet of its own.
    #[must_use]
    pub fn new() -> Self {
        let words = Arc::new(Words::default());
        Self {
            rules: Rules::default(),
            words: Arc::new(move |_| words.clone()),
            document: None,
            policy: STRICT,
            base: None,
            logout_others: None,
            logout_all: None,
            stylesheet: None,
            sign_in: None,
            confirm: None,
            after_sign_out: "/".into(),
        }
    }

    /// Says it in other words, in another language too.
    #[must_use]
    pub fn words(self, words: Words) -> Self {
        let words = Arc::new(words);
        self.words_for(move |_| words.clone())
    }

    /// Chooses the words for each request, such as by its `Accept-Language`.
    #[must_use]
    pub fn words_for(
        mut self,
        choose: impl Fn(RequestHead<'_>) -> Arc<Words> + Send + Sync + 'static,
    ) -> Self {
        self.words = Arc::new(choose);
        self
    }

    /// Makes another document: the [`Page`] as HTML. It may stand in a layout of the application's own,
    /// with [`Page::main`] in its one `<main>`, or be something else altogether.
    ///
    /// What the document shows it must escape, as template engines do; [`Page::main`] is HTML already.
    /// The Content-Security-Policy then says no more than that nobody may frame the page: what the
    /// document loads, the application knows.
    #[must_use]
    pub fn template(
        mut self,
        document: impl Fn(&Page<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        self.document = Some(Arc::new(document));
        self.policy = UNFRAMED;
        self
    }

    /// Links to this stylesheet instead of the routes' own: a path on this site. It can contain
    /// [`STYLE`].
    #[must_use]
    pub fn stylesheet(mut self, path: impl Into<Text>) -> Self {
        self.stylesheet = Some(path.into());
        self
    }

    /// Where the page is for the browser, such as `/account/devices`. Without it the path is taken as it
    /// was asked for, which is right unless a proxy in front takes a prefix off, or
    /// [`answer`](Self::answer) is called at other addresses.
    #[must_use]
    pub fn base(mut self, path: impl Into<Text>) -> Self {
        self.base = Some(path.into());
        self
    }

    /// Lets the form that ends all others post to this path, where the application calls
    /// [`answer`](Self::answer). The route at the usual path stays.
    #[must_use]
    pub fn logout_others_at(mut self, path: impl Into<Text>) -> Self {
        self.logout_others = Some(path.into());
        self
    }

    /// The same for the form that ends all.
    #[must_use]
    pub fn logout_all_at(mut self, path: impl Into<Text>) -> Self {
        self.logout_all = Some(path.into());
        self
    }

    /// Sends visitors to this path with 303, instead of answering 401. The page's own address goes along
    /// as `?next=`, which [`Next`] reads.
    #[must_use]
    pub fn sign_in_page(mut self, path: impl Into<Text>) -> Self {
        self.sign_in = Some(path.into());
        self
    }

    /// Where one is sent who signed out here. The default is `/`.
    #[must_use]
    pub fn after_sign_out(mut self, path: impl Into<Text>) -> Self {
        self.after_sign_out = path.into();
        self
    }

    /// Ends other sessions only for a user who signed in, or proved anew who they are, within this
    /// time; else 403, or [`confirm_page`](Self::confirm_page). Without it, whoever has the cookie of a
    /// signed-in session ends all of them. A session may always end itself, and the page is always
    /// shown.
    #[must_use]
    pub fn require_fresh(mut self, within: Duration) -> Self {
        self.rules.fresh = Some(within);
        self
    }

    /// Sends who has to prove anew who they are to this path with 303, instead of answering 403. What
    /// they wanted to end they end when they come back: the page's address goes along as `?next=`.
    #[must_use]
    pub fn confirm_page(mut self, path: impl Into<Text>) -> Self {
        self.confirm = Some(path.into());
        self
    }

    /// Trusts what this guard trusts. Without it, nothing but the site's own pages.
    #[must_use]
    pub fn cross_site_guard(mut self, guard: CrossSiteGuard) -> Self {
        self.rules.guard = guard;
        self
    }

    /// Answers one request, in any framework and at any address.
    ///
    /// `session` is awaited only once the request has passed what needs no session. A dropped future
    /// leaves what [`Session::revoke`], [`logout_others`](Session::logout_others) and
    /// [`logout_all`](Session::logout_all) leave.
    pub async fn answer(
        &self,
        action: PageAction<'_>,
        head: RequestHead<'_>,
        session: impl Future<Output = Result<Session, Error>>,
    ) -> Answer {
        if action == PageAction::Stylesheet {
            return answer::stylesheet(STYLE);
        }
        let base = self.base_of(action, head);
        if let Err(problem) = self.rules.comes_from_here(head) {
            return self.problem(problem, head, &base, None);
        }
        let session = match session.await {
            Ok(session) => session,
            Err(error) => return self.problem(rules::problem(&error), head, &base, None),
        };
        let done = match action {
            PageAction::Show => self.show(&session, head, &base).await,
            action => self.end(action, &session, &base).await,
        };
        done.unwrap_or_else(|problem| {
            let there = match problem {
                Problem::NotSignedIn => self.sign_in.as_deref(),
                Problem::NotFresh => self.confirm.as_deref(),
                _ => None,
            };
            // And back to the page: a form that was sent cannot be sent again.
            let back = SafePath::parse(base_or_root(&base)).map(Next::from).unwrap_or_default();
            let there = there.and_then(|there| answer::see_other(&back.via(there)));
            there.unwrap_or_else(|| self.problem(problem, head, &base, Some(&session)))
        })
    }

    async fn show(
        &self,
        session: &Session,
        head: RequestHead<'_>,
        base: &str,
    ) -> Result<Answer, Problem> {
        let user = session.require_user().map_err(|error| rules::problem(&error))?;
        let views = session.list().await.map_err(|error| match error.kind() {
            // Ended while we looked: they sign in anew.
            ErrorKind::SessionEnded => Problem::NotSignedIn,
            _ => rules::problem(&error),
        })?;
        let words = (self.words)(head);
        let devices = Devices::new(user, &views, session.store().now(), &words, base);
        let page = Page {
            words: &words,
            head,
            session: Some(session),
            links: self.links(base),
            shows: Shows::Devices(&devices),
        };
        Ok(self.page(StatusCode::OK, &page))
    }

    async fn end(
        &self,
        action: PageAction<'_>,
        session: &Session,
        base: &str,
    ) -> Result<Answer, Problem> {
        let fails = |error: Error| rules::problem(&error);
        let is_out = match action {
            PageAction::Show | PageAction::Stylesheet => false,
            PageAction::End(segment) => {
                let id = rules::id(segment)?;
                session.require_user().map_err(fails)?;
                let is_this = session.id() == Some(id);
                if !is_this {
                    self.rules.is_fresh(session)?;
                }
                // One that was gone already is what was wanted, and nobody learns of another user's.
                session.revoke(id).await.map_err(fails)?;
                is_this
            }
            PageAction::EndOthers => {
                session.require_user().map_err(fails)?;
                self.rules.is_fresh(session)?;
                session.logout_others().await.map_err(fails)?;
                false
            }
            PageAction::EndAll => {
                session.require_user().map_err(fails)?;
                self.rules.is_fresh(session)?;
                session.logout_all().await.map_err(fails)?;
                true
            }
        };
        let next = if is_out { &*self.after_sign_out } else { base_or_root(base) };
        answer::see_other(next).ok_or(Problem::Internal)
    }

    /// An error of ours as a page.
    fn problem(
        &self,
        problem: Problem,
        head: RequestHead<'_>,
        base: &str,
        session: Option<&Session>,
    ) -> Answer {
        let words = (self.words)(head);
        let (links, shows) = (self.links(base), Shows::Problem(problem));
        let page = Page { words: &words, head, session, links, shows };
        answer::about(self.page(problem.status(), &page), problem)
    }

    fn page(&self, status: StatusCode, page: &Page<'_>) -> Answer {
        let html = match &self.document {
            Some(document) => document(page),
            None => page.document(),
        };
        answer::page(status, html, &self.policy)
    }

    fn links<'a>(&'a self, base: &'a str) -> Links<'a> {
        let given = |given: &'a Option<Text>, usual: &str| match given {
            Some(path) => Cow::Borrowed(&**path),
            None => Cow::Owned(format!("{base}/{usual}")),
        };
        Links {
            devices: Cow::Borrowed(base_or_root(base)),
            logout_others: given(&self.logout_others, "logout-others"),
            logout_all: given(&self.logout_all, "logout-all"),
            stylesheet: given(&self.stylesheet, "style.css"),
            first_page: Cow::Borrowed(&*self.after_sign_out),
        }
    }

    /// Where the page is, without a slash at the end: what was asked for, less the action's own part.
    fn base_of<'a>(&'a self, action: PageAction<'_>, head: RequestHead<'a>) -> Cow<'a, str> {
        if let Some(base) = &self.base {
            return Cow::Borrowed(base.trim_end_matches('/'));
        }
        let path = head.uri.path().trim_end_matches('/');
        let parts = match action {
            PageAction::Show => 0,
            PageAction::EndOthers | PageAction::EndAll | PageAction::Stylesheet => 1,
            PageAction::End(_) => 2,
        };
        let base =
            (0..parts).fold(path, |path, _| path.rsplit_once('/').map_or("", |(base, _)| base));
        // A router that takes empty segments would make `//elsewhere.example` of us.
        if base.is_empty() || local_path(base).is_some() {
            Cow::Borrowed(base)
        } else {
            Cow::Owned(format!("/{}", base.trim_start_matches(['/', '\\'])))
        }
    }
}

/// The page's own address: a site's root has a path too.
fn base_or_root(base: &str) -> &str {
    if base.is_empty() { "/" } else { base }
}

impl fmt::Debug for DevicesPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicesPage")
            .field("rules", &self.rules)
            .field("base", &self.base)
            .field("sign_in_page", &self.sign_in)
            .field("after_sign_out", &self.after_sign_out)
            .finish_non_exhaustive()
    }
}
