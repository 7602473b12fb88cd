//! The page that loads it all.

use anyhow::{Result, bail};

/// The line of `index.html` that names the style while the app is developed.
const STYLE: &str = r#"<link rel="stylesheet" href="/styles/main.css">"#;
const HEAD_END: &str = "</head>";

/// Paths on the site.
pub struct Names {
    /// The WebAssembly.
    pub wasm: String,
    /// The script that starts it.
    pub script: String,
    /// The style.
    pub style: String,
}

/// Puts the names into the page. The WebAssembly is named in the head, so that it is under way
/// before the script that asks for it has come.
pub fn finish(html: &str, names: &Names) -> Result<String> {
    if html.matches(STYLE).count() != 1 || html.matches(HEAD_END).count() != 1 {
        bail!("index.html must have one `{STYLE}` and one `{HEAD_END}`");
    }
    let Names {
        wasm,
        script,
        style,
    } = names;
    let head = format!(
        "<link id=\"app-wasm\" rel=\"preload\" as=\"fetch\" type=\"application/wasm\" \
         href=\"{wasm}\" crossorigin>\n<script type=\"module\" src=\"{script}\"></script>\n{HEAD_END}"
    );
    let html = html
        .replace(
            STYLE,
            &format!("<link rel=\"stylesheet\" href=\"{style}\">"),
        )
        .replace(HEAD_END, &head);
    // Indentation and comments are for those who read the source.
    let lines = html
        .lines()
        .map(str::trim)
        .filter(|line| !(line.is_empty() || line.starts_with("<!--") && line.ends_with("-->")));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            wasm: "/assets/app-1.wasm".into(),
            script: "/assets/app-2.js".into(),
            style: "/assets/app-3.css".into(),
        }
    }

    #[test]
    fn the_page_names_all_files_and_has_no_inline_script() {
        let html = format!("<head>\n  <!-- note -->\n  {STYLE}\n</head>");
        let page = finish(&html, &names()).unwrap();
        for name in ["app-1.wasm", "app-2.js", "app-3.css"] {
            assert!(page.contains(name), "{page}");
        }
        assert!(
            !page.contains("note") && !page.contains("/styles/"),
            "{page}"
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches("<script type=\"module\" src").count()
        );
    }

    #[test]
    fn a_page_without_placeholders_is_refused() {
        assert!(finish("<head></head>", &names()).is_err());
    }
}
