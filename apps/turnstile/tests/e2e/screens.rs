//! Every page on every size of screen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

use crate::support::{Browser, Stage, Theme, Visit};

/// A small phone, a tablet, a notebook.
const WIDTHS: [u32; 3] = [360, 768, 1280];

/// What sticks out of the page to the right, what lies upon something else at the top, and what one
/// can press and is too small for a finger (WCAG 2.2, 2.5.8: 24 pixels, but for links within a
/// text).
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

/// With `SCREENS_DIR` set, it leaves a picture of each page there: `docs/screens` is made so.
#[tokio::test]
async fn every_page_fits_every_screen() {
    let pictures = env::var_os("SCREENS_DIR").map(PathBuf::from);
    let stage = Stage::set().await;
    let mut misfits = BTreeMap::new();
    for Visit { browser, stops } in stage.tour().await {
        for stop in &stops {
            browser.open(&stop.path).await;
            browser.see(stop.says).await;
            for width in WIDTHS {
                browser.set_width(width).await;
                let found = browser.script(MISFITS, json!([])).await;
                if found != json!([]) {
                    misfits.insert(format!("{} at {width}", stop.name), found);
                }
                if let Some(folder) = &pictures {
                    let name = format!("{}-{width}", stop.name);
                    picture(&browser, folder, &name).await;
                }
            }
        }
    }
    assert!(misfits.is_empty(), "{misfits:#?}");
}

/// How much of the page jumped while it was loaded: 0 is nothing, 0.1 what is thought good.
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
async fn the_layout_is_still_while_a_page_loads() {
    let stage = Stage::set().await;
    let mut jumps = BTreeMap::new();
    for Visit { browser, stops } in stage.tour().await {
        for width in [WIDTHS[0], WIDTHS[2]] {
            browser.set_width(width).await;
            for stop in &stops {
                browser.open(&stop.path).await;
                browser.see(stop.says).await;
                let jumped = browser.script(JUMPS, json!([])).await;
                if jumped.as_f64() > Some(0.1) {
                    jumps.insert(format!("{} at {width}", stop.name), jumped);
                }
            }
        }
    }
    assert!(jumps.is_empty(), "{jumps:#?}");
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
