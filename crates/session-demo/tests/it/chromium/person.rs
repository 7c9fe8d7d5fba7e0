//! What a person does in a browser: opens, reads, fills in, clicks.

use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::prelude::WebElement;

use super::driver::{Chromium, OFTEN, Options};
use crate::demo::{Demo, TOO_LONG};

/// Somebody before a browser, at one site.
pub(crate) struct Person {
    pub(crate) chromium: Chromium,
    /// Where the site is, such as `http://127.0.0.1:3000`.
    pub(crate) site: String,
}

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "form[action='/login']";

impl Person {
    pub(crate) async fn at(demo: &Demo) -> Self {
        Self::with(demo, &Options::default()).await
    }

    pub(crate) async fn with(demo: &Demo, options: &Options) -> Self {
        let site = format!("http://{}", demo.address);
        Self { chromium: Chromium::start(options).await, site }
    }

    pub(crate) async fn open(&self, path: &str) {
        self.chromium.driver.goto(format!("{}{path}", self.site)).await.unwrap();
    }

    /// The host of the site, without its port.
    pub(crate) fn host(&self) -> &str {
        self.site.trim_start_matches("http://").split(':').next().unwrap()
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        self.chromium.driver.current_url().await.unwrap().path().to_owned()
    }

    /// What matches, once there is such a thing on the page.
    pub(crate) async fn see(&self, css: &str) -> WebElement {
        let query = self.chromium.driver.query(By::Css(css)).wait(TOO_LONG, OFTEN);
        match query.first().await {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error}: {}", self.text().await),
        }
    }

    /// Waits until what matches says this and no more.
    pub(crate) async fn reads(&self, css: &str, expected: &str) {
        // An element of the page that is just being left is an error, and no reason to stop.
        let query = self.chromium.driver.query(By::Css(css)).ignore_errors(true);
        let query = query.with_text(expected.to_owned());
        if let Err(error) = query.wait(TOO_LONG, OFTEN).first().await {
            panic!("{css} is not {expected:?}: {error}: {}", self.text().await);
        }
    }

    pub(crate) async fn sees(&self, css: &str) -> bool {
        !self.chromium.driver.find_all(By::Css(css)).await.unwrap().is_empty()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    /// The text of the page.
    pub(crate) async fn text(&self) -> String {
        self.chromium.driver.find(By::Tag("body")).await.unwrap().text().await.unwrap()
    }

    /// The text of everything that matches.
    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.chromium.driver.find_all(By::Css(css)).await.unwrap() {
            texts.push(element.text().await.unwrap());
        }
        texts
    }

    /// Signs in with the form on the first page.
    pub(crate) async fn sign_in(&self, user: &str) {
        self.open("/").await;
        self.see("#user").await.send_keys(user).await.unwrap();
        self.see("#password").await.send_keys("demo").await.unwrap();
        self.click(&format!("{SIGN_IN} button")).await;
        self.see("form[action='/logout']").await;
        assert!(self.text().await.contains(&format!("Hello, {user}")));
    }

    pub(crate) async fn sign_out(&self) {
        self.click("form[action='/logout'] button").await;
        self.see(SIGN_IN).await;
    }

    /// Every cookie that the browser holds, of any site, as it stored it.
    pub(crate) async fn jar(&self) -> Vec<Value> {
        let answer = self.chromium.command("Storage.getCookies", json!({})).await;
        answer["cookies"].as_array().expect("a list of cookies").clone()
    }

    /// The one cookie that the browser holds.
    pub(crate) async fn cookie(&self) -> Value {
        let jar = self.jar().await;
        assert_eq!(jar.len(), 1, "not one cookie");
        jar[0].clone()
    }

    /// The session as the server tells it to this browser.
    pub(crate) async fn session(&self) -> Value {
        self.open("/api/session").await;
        let told: Value = serde_json::from_str(&self.text().await).unwrap();
        told["session"].clone()
    }
}
