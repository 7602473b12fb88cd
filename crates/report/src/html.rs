//! The page.

use analysis::{
    Cell, Table,
    folds::{AllFigures, Figures as _},
};
use api::Amount;
use html_escape::encode_quoted_attribute as escaped;
use std::fmt::Write as _;

use crate::{Picture, ReportError, charts::pictures, draw::thousands, style::VALUES};

/// Number of a table's rows on a page; all are in `turnstile replay`.
const ROWS: usize = 100;

const STYLE: &str = "\
body{margin:0 auto;max-width:54rem;padding:1.5rem;background:var(--paper);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin:2.5rem 0 .25rem}\
svg{width:100%;height:auto}figure{margin:0}\
.figures{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0;padding:0;list-style:none}\
.figures b{display:block;font-size:1.4rem}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}\
th,td{padding:.15rem .6rem;border-bottom:1px solid var(--grid);text-align:left;white-space:nowrap}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
summary{cursor:pointer}section{break-inside:avoid}\
@media print{body{max-width:none;padding:0}details{display:none}}";

/// The header of a page.
#[derive(Clone, Debug, Default)]
pub struct ReportHeader {
    /// The part of the log, in words.
    pub range: String,
    /// Number of events.
    pub events: u64,
}

/// Renders a page of the tables of the built-in folds. It needs no other file and runs no script.
///
/// # Errors
/// When a chart can't be drawn.
pub fn page(header: &ReportHeader, figures: &AllFigures) -> Result<String, ReportError> {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Turnstile: report</title>\n<style>{VALUES}{STYLE}</style>\n</head>\n<body>\n\
         <h1>Turnstile: report</h1>\n<p>{} events of tickets, orders and payments, {}.</p>\n",
        thousands(&header.events.to_string()),
        escaped(&header.range)
    );
    // A hold may be live throughout.
    if header.events == 0 && figures.market.concurrency.peak.is_none() {
        text.push_str("<p>Nothing happened in this range.</p>\n</body>\n</html>\n");
        return Ok(text);
    }
    write_figures(&mut text, figures);
    let tables = figures.tables();
    for picture in pictures(figures)? {
        write_section(&mut text, &picture, &tables);
    }
    text.push_str("</body>\n</html>\n");
    Ok(text)
}

/// The key figures.
fn write_figures(text: &mut String, figures: &AllFigures) {
    let (mut placed, mut sold, mut revenue) = (0, 0, 0);
    for day in &figures.market.sales.by_day {
        placed += day.placed;
        sold += day.sold;
        revenue += day.revenue.cents;
    }
    let revenue = if figures.market.sales.by_day.is_empty() {
        Cell::Count(0)
    } else {
        Cell::money(Amount::from_cents(revenue))
    };
    let most = figures.market.concurrency.peak.map_or(0, |peak| peak.holds);
    let figures = [
        ("orders placed", Cell::Count(placed)),
        ("orders paid", Cell::Count(sold)),
        ("revenue", revenue),
        ("most holds at once", Cell::Count(most)),
    ];
    text.push_str("<ul class=\"figures\">\n");
    for (name, value) in figures {
        // Writing to a string can't fail.
        let _ = writeln!(text, "<li><b>{}</b> {name}</li>", grouped(&value));
    }
    text.push_str("</ul>\n");
}

fn write_section(text: &mut String, picture: &Picture, tables: &[Table]) {
    let label = escaped(picture.says);
    let svg = picture.inline().replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{label}\" "),
        1,
    );
    let _ = write!(
        text,
        "<section id=\"{}\">\n<h2>{}</h2>\n<p>{label}</p>\n<figure>{svg}</figure>\n",
        picture.name,
        escaped(picture.title)
    );
    for name in picture.tables {
        if let Some(table) = tables.iter().find(|table| table.name == *name) {
            write_table(text, table);
        }
    }
    text.push_str("</section>\n");
}

fn write_table(text: &mut String, table: &Table) {
    let _ = write!(
        text,
        "<details><summary>{}</summary>\n<div class=\"scroll\"><table><thead><tr>",
        escaped(table.doc)
    );
    let is_number = |column: usize| {
        let cell = table.rows.iter().filter_map(|row| row.get(column));
        let mut told = cell.filter(|cell| !matches!(cell, Cell::Nothing));
        told.next()
            .is_some_and(|cell| !matches!(cell, Cell::Text(_) | Cell::Time(_)))
    };
    let class = |column| {
        if is_number(column) {
            " class=\"n\""
        } else {
            ""
        }
    };
    for (number, column) in table.columns.iter().enumerate() {
        let (title, name) = (escaped(column.doc), column.name.replace('_', " "));
        let name = escaped(&name);
        let _ = write!(text, "<th{} title=\"{title}\">{name}</th>", class(number));
    }
    text.push_str("</tr></thead><tbody>\n");
    for row in table.rows.iter().take(ROWS) {
        text.push_str("<tr>");
        for (number, cell) in row.iter().enumerate() {
            let _ = write!(text, "<td{}>{}</td>", class(number), shown(cell));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    let more = table.rows.len().saturating_sub(ROWS);
    if more > 0 {
        let _ = writeln!(
            text,
            "<p>And {more} more rows: <code>turnstile replay</code>.</p>"
        );
    }
    text.push_str("</details>\n");
}

/// A number with separated thousands.
fn grouped(value: &Cell) -> String {
    let text = value.to_string();
    match text.split_once('.') {
        Some((units, cents)) => format!("{}.{cents}", thousands(units)),
        None => thousands(&text),
    }
}

/// A value as HTML. A text may come from any user, and must not change the direction of the text
/// next to it.
fn shown(cell: &Cell) -> String {
    let text = cell.to_string();
    match cell {
        Cell::Text(_) => format!("<bdi>{}</bdi>", escaped(&text)),
        _ => escaped(&text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::folds::AllFolds;

    fn empty() -> AllFigures {
        AllFolds::default().figures()
    }

    #[test]
    fn an_empty_report_is_self_contained() {
        let header = ReportHeader {
            events: 1,
            ..ReportHeader::default()
        };
        let page = page(&header, &empty()).unwrap();
        for foreign in [
            "<script",
            "href=",
            "src=",
            "url(",
            "@import",
            "http://www.example",
        ] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert_eq!(page.matches("<svg ").count(), 9);
        assert_eq!(page.matches("role=\"img\"").count(), 9);
    }

    #[test]
    fn an_empty_range_is_reported() {
        let page = page(&ReportHeader::default(), &empty()).unwrap();
        assert!(page.contains("Nothing happened in this range."));
        assert!(!page.contains("<svg"));
    }

    #[test]
    fn figures_are_grouped_and_texts_are_isolated() {
        let grouped = [Cell::Count(132_876), Cell::Money(535_850_600)].map(|cell| grouped(&cell));
        assert_eq!(grouped, ["132,876", "5,358,506.00"]);
        let text = Cell::Text("<\u{202e}>".to_owned());
        assert_eq!(shown(&text), "<bdi>&lt;\u{202e}&gt;</bdi>");
    }

    #[test]
    fn every_plot_shows_existing_tables() {
        let tables = empty().tables();
        for picture in pictures(&empty()).unwrap() {
            for name in picture.tables {
                assert!(tables.iter().any(|table| table.name == *name), "{name}");
            }
        }
    }

    #[test]
    fn text_of_users_is_escaped() {
        assert_eq!(
            escaped("<b a='x'>&\"</b>"),
            "&lt;b a=&#x27;x&#x27;&gt;&amp;&quot;&lt;/b&gt;"
        );
    }

    #[test]
    fn colors_are_variables_for_the_dark_theme() {
        for picture in pictures(&empty()).unwrap() {
            assert!(picture.inline().contains("var(--ink)"), "{}", picture.name);
            assert!(!picture.inline().contains("#0"), "{}", picture.name);
            assert!(picture.standalone().contains("prefers-color-scheme:dark"));
        }
    }
}
