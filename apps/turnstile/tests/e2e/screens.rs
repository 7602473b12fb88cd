//! Every page on every size of screen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

use crate::support::{Browser, Sale, Site, Theme, VisitorPages};

/// A small phone, a tablet, a notebook.
const WIDTHS: [u32; 3] = [360, 768, 1280];

/// Elements that extend beyond the right edge of the page, overlap something else at the top, or
/// can be pressed but are too small for a finger (WCAG 2.2, 2.5.8: 24 pixels, except for links
/// within a text).
const MISFITS: &str = "
    const width = document.documentElement.clientWidth;
    const name = one => one.tagName + ' ' + one.className + ' ' + one.innerText.slice(0, 30);
    const shown = [...document.body.querySelectorAll('*')].filter(one => one.checkVisibility());
    const wide = shown.filter(one => one.getBoundingClientRect().right > width + 1
        && !one.closest('.visually-hidden, .card-title, .row-title, .skip'));
    const small = shown.filter(one => one.matches('button, a[href], input, select')
        && !one.matches('p a, .card-link, .skip')
        && Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height) < 24);
    const scrolls = document.documentElement.scrollWidth > width;
    const tops = shown.filter(one => one.matches('.top a, .top button, .top .email'));
    const lies = (one, other) => {
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
        return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    };
    const upon = tops.flatMap((one, i) => tops.slice(i + 1).filter(other => lies(one, other))
        .map(other => name(one) + ' and ' + name(other)));
    return [...(scrolls ? ['the page scrolls sideways'] : []),
        ...upon.map(both => 'upon: ' + both),
        ...wide.map(one => 'wide: ' + name(one)), ...small.map(one => 'small: ' + name(one))]";

/// Words of controls, and of short facts, that are broken across two lines.
const BROKEN: &str = "
    const all = [...document.querySelectorAll('.button, .place, .badge, dt, dd')]
        .filter(one => one.checkVisibility());
    const isBroken = (text, word) => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1;
    };
    return all.flatMap(one => {
        const texts = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
        const broken = [];
        while (texts.nextNode()) {
            const text = texts.currentNode;
            broken.push(...[...text.data.matchAll(/\\S+/g)].filter(word => isBroken(text, word)));
        }
        return broken.map(word => 'broken: ' + word[0]);
    })";

/// With `SCREENS_DIR` set, it writes a picture of each page there: `docs/screens` is made this way.
#[tokio::test]
async fn every_page_fits_every_screen() {
    let pictures = env::var_os("SCREENS_DIR").map(PathBuf::from);
    let site = Site::start().await;
    let mut misfits = BTreeMap::new();
    for VisitorPages { browser, pages } in site.walkthrough().await {
        for page in &pages {
            browser.open(&page.path).await;
            browser.see(page.says).await;
            for width in WIDTHS {
                browser.set_width(width).await;
                let found = browser.script(MISFITS, json!([])).await;
                if found != json!([]) {
                    misfits.insert(format!("{} at {width}", page.name), found);
                }
                let found = browser.script(BROKEN, json!([])).await;
                if found != json!([]) {
                    misfits.insert(format!("{} at {width}, words", page.name), found);
                }
                // For users who need larger letters.
                browser.set_text_size(24).await;
                let found = browser.script(MISFITS, json!([])).await;
                browser.set_text_size(16).await;
                if found != json!([]) {
                    misfits.insert(format!("{} at {width}, large", page.name), found);
                }
                if let Some(folder) = &pictures {
                    let name = format!("{}-{width}", page.name);
                    picture(&browser, folder, &name).await;
                }
            }
        }
    }
    assert!(misfits.is_empty(), "{misfits:#?}");
}

/// How much of the page shifted while it was loaded: 0 is nothing, and 0.1 is considered good.
const JUMPS: &str = "
    return new Promise(resolve => {
        let sum = 0;
        const watch = new PerformanceObserver(list => {
            for (const entry of list.getEntries()) sum += entry.value;
        });
        watch.observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 100);
    })";

#[tokio::test]
async fn the_layout_does_not_shift_while_a_page_loads() {
    let site = Site::start().await;
    let mut jumps = BTreeMap::new();
    for VisitorPages { browser, pages } in site.walkthrough().await {
        for width in [WIDTHS[0], WIDTHS[2]] {
            browser.set_width(width).await;
            for page in &pages {
                browser.open(&page.path).await;
                browser.see(page.says).await;
                let jumped = browser.script(JUMPS, json!([])).await;
                if jumped.as_f64() > Some(0.1) {
                    jumps.insert(format!("{} at {width}", page.name), jumped);
                }
            }
        }
    }
    assert!(jumps.is_empty(), "{jumps:#?}");
}

#[tokio::test]
async fn an_order_prints_in_black_and_without_controls() {
    let Sale {
        site,
        buyer,
        ticket,
        ..
    } = Sale::start().await;
    let order = buyer.order(&ticket).await;
    buyer.pay(&order).await;
    let browser = site.browser_of(&buyer, &format!("/orders/{order}")).await;
    browser.see("The ticket is yours").await;
    browser.set_theme(Theme::Dark).await;
    browser.set_printed().await;
    let pressed = "
        return [...document.querySelectorAll('a, button, nav')]
            .filter(one => one.checkVisibility()).map(one => one.innerText)";
    assert_eq!(browser.script(pressed, json!([])).await, json!([]));
    let ink = "return getComputedStyle(document.querySelector('h1')).color";
    assert_eq!(browser.script(ink, json!([])).await, "rgb(0, 0, 0)");
    assert!(browser.text().await.contains("Opera"));
}

#[tokio::test]
async fn bars_leave_room_in_a_short_window() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let order = buyer.order(&seller.sell("Opera", 40.0).await).await;
    let browser = site.browser_of(&buyer, &format!("/orders/{order}")).await;
    browser.see("Pay $40").await;
    // 1280×800 at a zoom of 400 %.
    browser.set_size(320, 200).await;
    let stuck = "
        scrollTo(0, 300);
        const all = [...document.querySelectorAll('#main *, .skip')];
        const bars = all.filter(one => ['fixed', 'sticky'].includes(getComputedStyle(one).position));
        const seen = bars.map(one => one.getBoundingClientRect())
            .filter(box => box.bottom > 0 && box.top < innerHeight);
        return seen.reduce((sum, box) => sum + box.height, 0)";
    let height = browser.script(stuck, json!([])).await.as_f64().unwrap();
    assert!(height < 50.0, "{height} of 200 pixels");
}

#[tokio::test]
async fn the_hold_bar_names_the_ticket_and_no_toast_covers_it() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    let mut orders = Vec::new();
    for title in ["Jazz Night at the Blue Room", "Opera", "Chess final"] {
        orders.push(buyer.order(&seller.sell(title, 40.0).await).await);
    }
    let browser = site.browser_of(&buyer, "/tickets/new").await;
    browser.set_width(WIDTHS[0]).await;
    browser.see("and 2 more").await;
    let shown = "
        const title = document.querySelector('.hold-bar-title');
        return [title.scrollHeight <= title.clientHeight + 1, title.innerText]";
    assert_eq!(
        browser.script(shown, json!([])).await,
        json!([true, "Held for you: Jazz Night at the Blue Room"])
    );
    browser.fill("Title", "Circus").await;
    browser.fill("Price", "20").await;
    browser.press("Offer it for $20.00").await;
    browser.see("Your ticket is for sale").await;
    browser.see_still().await;
    let above = "
        const [toast, bar] = ['.toast', '.hold-bar']
            .map(name => document.querySelector(name).getBoundingClientRect());
        return toast.bottom <= bar.top";
    for width in WIDTHS {
        browser.set_width(width).await;
        assert_eq!(browser.script(above, json!([])).await, true, "{width}");
    }
    // A buyer on one order isn't led to another.
    browser.open(&format!("/orders/{}", orders[1])).await;
    browser.see("Also held for you: Jazz Night").await;
    browser.see("Pay $40").await;
    let primary = "return document.querySelectorAll('.hold-bar .primary').length";
    assert_eq!(browser.script(primary, json!([])).await, 0);
}

/// A press that is under way when the network fails hits what it was aimed at, and no bar is under
/// the banner.
#[tokio::test]
async fn the_banner_moves_nothing_and_covers_no_bar() {
    let site = Site::start().await;
    let (seller, buyer) = (site.person().await, site.person().await);
    for title in ["Jazz Night at the Blue Room", "Opera"] {
        buyer.order(&seller.sell(title, 40).await).await;
    }
    let browser = site.browser_of(&buyer, "/tickets/new").await;
    browser.see("and 1 more").await;
    let places = "
        return [...document.querySelectorAll('main *, .hold-bar, .places')]
            .map(one => Math.round(one.getBoundingClientRect().top))";
    let covered = "
        const banner = document.querySelector('.banner').getBoundingClientRect();
        const bars = [...document.querySelectorAll('.top, .hold-bar, .places')];
        return bars.map(bar => bar.getBoundingClientRect())
            .some(bar => bar.top < banner.bottom - 1 && bar.bottom > banner.top + 1)";
    for width in [320].into_iter().chain(WIDTHS) {
        browser.set_width(width).await;
        browser.see_still().await;
        let before = browser.script(places, json!([])).await;
        browser.set_offline(true).await;
        browser.see("No connection.").await;
        assert_eq!(browser.script(places, json!([])).await, before, "{width}");
        assert_eq!(browser.script(covered, json!([])).await, false, "{width}");
        assert_eq!(
            browser.script(MISFITS, json!([])).await,
            json!([]),
            "{width}"
        );
        browser.set_offline(false).await;
        browser.see_gone("No connection.").await;
    }
}

async fn picture(browser: &Browser, folder: &Path, name: &str) {
    for theme in [Theme::Light, Theme::Dark] {
        browser.set_theme(theme).await;
        browser.see_still().await;
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(format!("{name}-{}.webp", theme.name()));
        fs::write(path, browser.picture().await).unwrap();
    }
}
