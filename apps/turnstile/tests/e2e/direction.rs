//! Text in right-to-left scripts doesn't change the direction of the text around it.

use serde_json::json;

use crate::support::{Browser, Person, Site};

/// Its last character is at its left end, unless it is taken for the page's own text.
const TITLE: &str = "אופרה, שורה 7!";

/// Each place where the title is shown without isolation from its surroundings: text, inputs, the
/// tab, and descriptions of controls.
const TURNED: &str = "
    const title = arguments[0];
    const found = { shown: 0, faults: [] };
    const check = (name, holds) => {
        found.shown += 1;
        if (!holds) found.faults.push(name);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const begin = text.data.indexOf(title);
        if (begin < 0 || !text.parentElement.checkVisibility()) continue;
        const place = at => {
            const range = document.createRange();
            range.setStart(text, at);
            range.setEnd(text, at + 1);
            return range.getBoundingClientRect();
        };
        const [first, last] = [place(begin), place(begin + title.length - 1)];
        const inside = text.parentElement;
        let edge = inside;
        while (getComputedStyle(edge.parentElement).direction === 'rtl') edge = edge.parentElement;
        const { direction, display, unicodeBidi } = getComputedStyle(edge);
        check(`${inside.tagName} ${inside.className} in ${inside.closest('[class]').className}`,
            text.data === title && direction === 'rtl' && last.right <= first.left
            && (display !== 'inline' || unicodeBidi === 'isolate'));
    }
    for (const input of document.querySelectorAll('input')) {
        if (input.value === title) {
            check('input ' + input.id, getComputedStyle(input).direction === 'rtl');
        }
    }
    const isolated = words => words.includes('\\u2068' + title + '\\u2069');
    if (document.title.includes(title)) check('the tab', isolated(document.title));
    for (const one of document.body.querySelectorAll('[aria-label], [title]')) {
        for (const name of ['aria-label', 'title']) {
            const words = one.getAttribute(name);
            if (words?.includes(title)) check(name, isolated(words));
        }
    }
    return found";

/// The distance of each price from the edge of its card or row.
const PRICES: &str = "
    const prices = [...document.querySelectorAll('.card .price, .row .price')];
    return prices.map(price => Math.round(price.getBoundingClientRect().left
        - price.closest('.card, .row').getBoundingClientRect().left))";

/// The words of an element in the order in which they are seen, of one line.
const AS_SEEN: &str = "
    const pieces = [];
    const root = document.querySelector(arguments[0]);
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        pieces.push([range.getBoundingClientRect().left, texts.currentNode.data]);
    }
    pieces.sort(([one], [other]) => one - other);
    return pieces.map(([_, words]) => words).join('')";

/// The places where titles are not isolated, on all pages.
#[derive(Default)]
struct Turned(Vec<String>);

impl Turned {
    /// Checks a page, which shows the title in at least this number of places.
    async fn look(&mut self, browser: &Browser, title: &str, places: u64) {
        let found = browser.script(TURNED, json!([title])).await;
        let path = browser.path().await;
        assert!(found["shown"].as_u64() >= Some(places), "{path}: {found}");
        let faults = found["faults"].as_array().unwrap().iter();
        self.0
            .extend(faults.map(|fault| format!("{path}: {fault}")));
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

async fn see_prices_aligned(browser: &Browser) {
    let prices = browser.script(PRICES, json!([])).await;
    let prices = prices.as_array().unwrap();
    assert!(prices.len() >= 2, "{prices:?}");
    assert!(prices.iter().all(|one| *one == prices[0]), "{prices:?}");
}

fn rename(seller: &Person, ticket: &str, title: &str) -> testkit::Call {
    let body = json!({"title": title, "price": 40});
    seller.put(&format!("/api/tickets/{ticket}"), body)
}

#[tokio::test]
async fn a_hebrew_title_does_not_reorder_adjacent_text() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    seller.sell("Opera, row 7!", 40.0).await;
    let open = seller.sell(TITLE, 40.0).await;
    let mut turned = Turned::default();

    let browser = site.browser_of(&seller, "/").await;
    browser.see(TITLE).await;
    turned.look(&browser, TITLE, 1).await;
    see_prices_aligned(&browser).await;
    browser.open(&format!("/tickets/{open}")).await;
    browser.see("This is your own ticket").await;
    turned.look(&browser, TITLE, 2).await;
    browser.open("/selling").await;
    browser.see(TITLE).await;
    turned.look(&browser, TITLE, 2).await;
    see_prices_aligned(&browser).await;
    browser.open(&format!("/tickets/{open}/edit")).await;
    browser.see(TITLE).await;
    turned.look(&browser, TITLE, 2).await;

    // A search is the user's own text, too.
    browser.open("/?q=%D7%90%D7%95%D7%A4%D7%A8%D7%94").await;
    browser.see(TITLE).await;
    let direction = "return getComputedStyle(document.getElementById('q')).direction";
    assert_eq!(browser.script(direction, json!([])).await, "rtl");

    let onlooker = site.browser().await;
    onlooker.open(&format!("/tickets/{open}")).await;
    onlooker.see("Buy for $40").await;
    let renamed = "קונצרט, שורה 9!";
    rename(&seller, &open, renamed).await.assert_status(200);
    onlooker.see("The title changed").await;
    turned.look(&onlooker, TITLE, 1).await;
    turned.look(&onlooker, renamed, 3).await;
    let said = onlooker.script(AS_SEEN, json!([".notice p"])).await;
    let words = format!("The title changed from “{TITLE}” to “{renamed}” while you were looking.");
    assert_eq!(said, words);

    let order = buyer.order(&open).await;
    let holder = site.browser_of(&buyer, "/").await;
    holder.see("Held for you: ").await;
    turned.look(&holder, renamed, 1).await;
    let said = holder.script(AS_SEEN, json!([".hold-bar-title"])).await;
    assert_eq!(said, format!("Held for you: {renamed}"));
    holder.open("/orders").await;
    holder.see("left to pay").await;
    turned.look(&holder, renamed, 2).await;
    holder.open(&format!("/orders/{order}")).await;
    holder.see("Pay $40").await;
    turned.look(&holder, renamed, 1).await;
    holder.set_printed().await;
    turned.look(&holder, renamed, 1).await;
    turned.assert_none();
}

#[tokio::test]
async fn a_hebrew_title_is_isolated_in_messages() {
    let site = Site::start().await;
    let seller = site.person().await;
    let ticket = seller.sell("Opera", 40.0).await;
    let browser = site.browser_of(&seller, "/").await;
    // The page gets no change, so the server has to report it.
    browser
        .script_at_start("EventSource = class { addEventListener() {} close() {} }")
        .await;
    browser.open(&format!("/tickets/{ticket}/edit")).await;
    browser.see("Save changes").await;
    rename(&seller, &ticket, TITLE).await.assert_status(200);
    browser.fill("Title", "Opera, row 8").await;
    browser.press("Save changes").await;
    browser.see("The title is now \"").await;
    browser.see("Take that over").await;
    let mut turned = Turned::default();
    turned.look(&browser, TITLE, 2).await;
    let said = browser.script(AS_SEEN, json!([".form .notice p"])).await;
    assert_eq!(said, format!("The title is now \"{TITLE}\""));
    turned.assert_none();
}
