//! Money and times in the visitor's own way of writing.

use std::cell::RefCell;
use std::rc::Rc;

use api::Amount;
use chrono::{DateTime, Utc};
use dioxus::prelude::*;
use js_sys::{Object, Reflect};
use state::MarketCurrency;
use wasm_bindgen::prelude::*;

// Bound here, and not by `js_sys`, whose constructors throw on a currency that isn't one.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Intl)]
    type NumberFormat;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(locale: &JsValue, options: &Object) -> Result<NumberFormat, JsValue>;
    #[wasm_bindgen(method)]
    fn format(this: &NumberFormat, number: f64) -> String;

    #[wasm_bindgen(js_namespace = Intl)]
    type DateTimeFormat;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(locale: &JsValue, options: &Object) -> Result<DateTimeFormat, JsValue>;
    #[wasm_bindgen(method)]
    fn format(this: &DateTimeFormat, milliseconds: f64) -> String;
}

/// The browser's formats, in the context of the root. Making one takes as long as a hundred uses.
#[derive(Clone)]
pub struct Formats(Rc<RefCell<FormatSet>>);

impl Formats {
    /// Formats for dollars, until the server says otherwise.
    pub fn new() -> Self {
        Self(Rc::new(RefCell::new(FormatSet::for_currency("USD"))))
    }
}

fn with_formats<T>(format: impl FnOnce(&FormatSet) -> T) -> T {
    let Formats(formats) = consume_context();
    format(&formats.borrow())
}

struct FormatSet {
    money: Option<NumberFormat>,
    whole_money: Option<NumberFormat>,
    time: Option<DateTimeFormat>,
    moment: Option<DateTimeFormat>,
    day: Option<DateTimeFormat>,
    local_day: Option<DateTimeFormat>,
    currency: MarketCurrency,
    count: Option<NumberFormat>,
}

impl FormatSet {
    fn for_currency(currency: &str) -> Self {
        let money = |digits: &str| {
            let options = options(&[("style", "currency"), ("currency", currency)]);
            let digits = digits.parse::<f64>().unwrap_or_default();
            // Can't fail on an object of our own.
            let _ = Reflect::set(&options, &"minimumFractionDigits".into(), &digits.into());
            let _ = Reflect::set(&options, &"maximumFractionDigits".into(), &digits.into());
            NumberFormat::new(&JsValue::UNDEFINED, &options).ok()
        };
        let whole_money = money("0");
        // What is left of an amount without its digits.
        let sign: String = whole_money
            .as_ref()
            .map(|format| format.format(1.0))
            .unwrap_or_default()
            .chars()
            .filter(|c| {
                !c.is_numeric() && !c.is_whitespace() && !"\u{200e}\u{200f}\u{61c}".contains(*c)
            })
            .collect();
        let time =
            |pairs: &[(&str, &str)]| DateTimeFormat::new(&JsValue::UNDEFINED, &options(pairs)).ok();
        Self {
            money: money("2"),
            whole_money,
            currency: MarketCurrency {
                code: currency.to_owned(),
                sign,
            },
            time: time(&[("timeStyle", "short")]),
            moment: time(&[
                ("month", "short"),
                ("day", "numeric"),
                ("hour", "numeric"),
                ("minute", "2-digit"),
            ]),
            day: time(&[("month", "short"), ("day", "numeric"), ("timeZone", "UTC")]),
            local_day: time(&[("dateStyle", "short")]),
            count: NumberFormat::new(&JsValue::UNDEFINED, &Object::new()).ok(),
        }
    }
}

fn options(pairs: &[(&str, &str)]) -> Object {
    let options = Object::new();
    for (name, value) in pairs {
        let _ = Reflect::set(&options, &(*name).into(), &(*value).into());
    }
    options
}

/// Sets the currency of all amounts.
pub fn set_currency(currency: &str) {
    let Formats(formats) = consume_context();
    formats.replace(FormatSet::for_currency(currency));
}

/// An amount with its currency: `$20`, `19,99 €`.
pub fn money(amount: Amount) -> String {
    with_formats(|formats| {
        let is_whole = amount.cents % 100 == 0;
        let format = if is_whole {
            &formats.whole_money
        } else {
            &formats.money
        };
        amount_in(format.as_ref(), amount)
    })
}

fn amount_in(format: Option<&NumberFormat>, amount: Amount) -> String {
    // Prices are far below 2^53 cents, so the double has the same two decimals.
    #[allow(clippy::cast_precision_loss)]
    let units = amount.cents as f64 / 100.0;
    format.map_or_else(|| amount.to_string(), |format| format.format(units))
}

/// An amount in a currency that may be another than that of all prices: an order keeps the one that
/// it was placed in.
pub fn money_in(amount: Amount, code: &str) -> String {
    if currency().code == code {
        money(amount)
    } else {
        format!("{amount} {code}")
    }
}

/// An amount with its currency and its decimals, where all of it has to be read: `$20.00`.
pub fn exact_money(amount: Amount) -> String {
    with_formats(|formats| amount_in(formats.money.as_ref(), amount))
}

/// The currency of all amounts, as the visitor writes it.
pub fn currency() -> MarketCurrency {
    with_formats(|formats| formats.currency.clone())
}

/// A time of day; with its day, if that isn't today.
pub fn time_soon(time: DateTime<Utc>) -> String {
    with_formats(|formats| {
        let day = formats.local_day.as_ref();
        let today = day.map(|format| format.format(js_sys::Date::now()));
        let format = if today == Some(written(day, time)) {
            &formats.time
        } else {
            &formats.moment
        };
        written(format.as_ref(), time)
    })
}

/// A day and a time of day.
pub fn moment(time: DateTime<Utc>) -> String {
    with_formats(|formats| written(formats.moment.as_ref(), time))
}

/// A day as the server counts it, in UTC.
pub fn day(begin: DateTime<Utc>) -> String {
    with_formats(|formats| written(formats.day.as_ref(), begin))
}

fn written(format: Option<&DateTimeFormat>, time: DateTime<Utc>) -> String {
    // Milliseconds since 1970 are far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let milliseconds = time.timestamp_millis() as f64;
    format.map_or_else(String::new, |format| format.format(milliseconds))
}

/// A number of things.
pub fn count(number: u64) -> String {
    // What is counted here is far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let exact = number as f64;
    with_formats(|formats| {
        let format = formats.count.as_ref();
        format.map_or_else(|| number.to_string(), |format| format.format(exact))
    })
}
