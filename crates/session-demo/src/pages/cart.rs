//! A cart: it makes a visitor's session, and stays with them when they sign in.

use serde_json::{Map, Value};
use session_core::Session;

use crate::answer::{Answer, Outcome};
use crate::problem::Code;
use crate::request::Form;

const CART: &str = "cart";

/// The longest name of an item, in bytes.
const LONGEST_NAME: usize = 100;

pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
}

pub(super) const PRODUCTS: [Product; 4] = [
    Product { name: "Coffee", what: "250 g, whole beans" },
    Product { name: "Tea", what: "100 g, loose leaf" },
    Product { name: "Honey", what: "500 g, from linden trees" },
    Product { name: "Bread", what: "1 kg, sourdough" },
];

/// One kind of item in the cart.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) count: u64,
}

/// What is in the cart. A script may have stored anything under its key.
pub(super) fn lines(session: &Session) -> Vec<Line> {
    let data = session.data();
    let Some(Value::Object(cart)) = data.get(CART) else { return Vec::new() };
    let lines = cart.iter().map(|(name, count)| Line {
        name: name.clone(),
        // A bound, so that sums of what scripts store stay sums.
        count: count.as_u64().unwrap_or(0).min(u64::from(u32::MAX)),
    });
    lines.filter(|line| line.count > 0).collect()
}

/// `POST /cart`: `item=…` puts one in, `remove=…` takes one out
pub(crate) async fn change(session: &Session, body: &[u8]) -> Outcome {
    let form = Form::parse(body);
    let change = match (form.field("item"), form.field("remove")) {
        (Some(name), None) if is_name(name) => Change::Add(name),
        (None, Some(name)) if is_name(name) => Change::Remove(name),
        _ => return Err(Code::InvalidForm.into()),
    };
    // Compare-and-set: who adds in two tabs at once gets both.
    let changed = session.try_update(CART, |cart| change.apply(cart)).await?;
    match changed {
        Ok(_) | Err(NothingToRemove) => Ok(Answer::see_other("/")),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('\0')
}

enum Change<'a> {
    Add(&'a str),
    Remove(&'a str),
}

/// Nothing is changed then, and a visitor gets no session for it.
#[derive(Debug, PartialEq)]
struct NothingToRemove;

impl Change<'_> {
    fn apply(&self, cart: Option<Value>) -> Result<Value, NothingToRemove> {
        let mut cart = match cart {
            Some(Value::Object(cart)) => cart,
            _ => Map::new(),
        };
        match self {
            Self::Add(name) => {
                let count = cart.get(*name).and_then(Value::as_u64).unwrap_or(0);
                cart.insert((*name).to_owned(), count.saturating_add(1).into());
            }
            Self::Remove(name) => match cart.remove(*name) {
                None => return Err(NothingToRemove),
                Some(count) => {
                    if let Some(left @ 1..) = count.as_u64().and_then(|count| count.checked_sub(1))
                    {
                        cart.insert((*name).to_owned(), left.into());
                    }
                }
            },
        }
        Ok(Value::Object(cart))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes() {
        let (add, remove) = (Change::Add("Tea"), Change::Remove("Tea"));
        for (name, change, before, expected) in [
            ("the first", &add, None, Some(json!({"Tea": 1}))),
            (
                "another",
                &add,
                Some(json!({"Tea": 1, "Bread": 2})),
                Some(json!({"Tea": 2, "Bread": 2})),
            ),
            ("no cart", &add, Some(json!([1])), Some(json!({"Tea": 1}))),
            ("no count", &add, Some(json!({"Tea": "x"})), Some(json!({"Tea": 1}))),
            ("one of two", &remove, Some(json!({"Tea": 2})), Some(json!({"Tea": 1}))),
            ("the last", &remove, Some(json!({"Tea": 1})), Some(json!({}))),
            ("none", &remove, Some(json!({"Bread": 1})), None),
            ("nothing at all", &remove, None, None),
        ] {
            assert_eq!(change.apply(before).ok(), expected, "{name}");
        }
    }
}
