//! Stripe's own card form, where Stripe is configured.
//!
//! The card's number goes from Stripe's frame to Stripe; this app sees a token only.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;

use super::{document, window};

const SCRIPT: &str = "https://js.stripe.com/v3/";

/// A card form in the page.
#[derive(Clone, PartialEq)]
pub struct CardForm {
    stripe: JsValue,
    card: JsValue,
}

/// Why there is no token, fit to be shown.
pub struct CardFormError(pub String);

impl From<JsValue> for CardFormError {
    fn from(_: JsValue) -> Self {
        Self("The card form could not be loaded. Check your connection and try again.".to_owned())
    }
}

impl CardForm {
    /// Puts Stripe's card form into the element of this id.
    pub async fn mount(publishable_key: &str, id: &str) -> Result<Self, CardFormError> {
        if !Reflect::has(&window(), &"Stripe".into())? {
            load_script().await?;
        }
        let make: Function = Reflect::get(&window(), &"Stripe".into())?.dyn_into()?;
        let stripe = make.call1(&JsValue::UNDEFINED, &publishable_key.into())?;
        let elements = method(&stripe, "elements", &[])?;
        let card = method(&elements, "create", &["card".into()])?;
        method(&card, "mount", &[format!("#{id}").into()])?;
        Ok(Self { stripe, card })
    }

    /// The token of the card that was typed.
    pub async fn token(&self) -> Result<String, CardFormError> {
        let what = Object::new();
        Reflect::set(&what, &"type".into(), &"card".into())?;
        Reflect::set(&what, &"card".into(), &self.card)?;
        let promise: Promise =
            method(&self.stripe, "createPaymentMethod", &[what.into()])?.dyn_into()?;
        let result = JsFuture::from(promise).await?;
        let error = Reflect::get(&result, &"error".into())?;
        if error.is_object() {
            let message = Reflect::get(&error, &"message".into())?.as_string();
            return Err(CardFormError(
                message.unwrap_or_else(|| "The card was refused.".into()),
            ));
        }
        let made = Reflect::get(&result, &"paymentMethod".into())?;
        let id = Reflect::get(&made, &"id".into())?.as_string();
        id.ok_or_else(|| JsValue::UNDEFINED.into())
    }
}

fn method(object: &JsValue, name: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &name.into())?.dyn_into()?;
    Reflect::apply(&function, object, &arguments.iter().collect::<Array>())
}

async fn load_script() -> Result<(), JsValue> {
    let script = document().create_element("script")?;
    script.set_attribute("src", SCRIPT)?;
    let loaded = Promise::new(&mut |resolve, reject| {
        for (event, then) in [("load", resolve), ("error", reject)] {
            let then = Closure::once_into_js(move || {
                let _ = then.call0(&JsValue::UNDEFINED);
            });
            let _ = script.add_event_listener_with_callback(event, then.unchecked_ref());
        }
    });
    document()
        .body()
        .ok_or(JsValue::UNDEFINED)?
        .append_child(&script)?;
    JsFuture::from(loaded).await?;
    Ok(())
}
