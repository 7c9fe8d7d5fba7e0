//! A cart: for visitors too, without losing what two tabs add at once, and kept at the sign-in.

use std::collections::BTreeMap;

use salvo_core::prelude::*;
use session_core::{Carry, Key, SessionStore, SignIn};
use session_salvo::{Session, SessionError, SessionHandler};

type Cart = BTreeMap<String, u32>;

const CART: Key<Cart> = Key::new("cart");

#[handler]
async fn add(session: Session, request: &mut Request) -> Result<(), SessionError> {
    let item = request.param::<String>("item").unwrap_or_default();
    // Read and written in one step: another tab's item is not lost.
    let with = move |cart: Option<Cart>| {
        let mut cart = cart.unwrap_or_default();
        *cart.entry(item.clone()).or_default() += 1;
        cart
    };
    session.update(CART, with).await?;
    Ok(())
}

#[handler]
async fn show(session: Session) -> Result<String, SessionError> {
    let cart = session.get(CART)?.unwrap_or_default();
    Ok(cart.iter().map(|(item, count)| format!("{count} × {item}\n")).collect())
}

#[handler]
async fn sign_in(session: Session) -> Result<(), SessionError> {
    // What a visitor's session holds may have been planted: only the cart comes over.
    let options = SignIn::new("alice").carry(Carry::keys(&[&CART]));
    Ok(session.authenticate_with(options).await?)
}

pub fn app(store: SessionStore) -> Router {
    Router::new()
        .hoop(SessionHandler::new(store))
        .push(Router::with_path("cart").get(show).push(Router::with_path("{item}").post(add)))
        .push(Router::with_path("sign-in").post(sign_in))
}
