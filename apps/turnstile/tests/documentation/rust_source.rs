//! Rust source as tokens: enough to find the imports of a module, and no more. A parser would have
//! to be compiled for this alone.

pub fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, and each other character separately, except for `::`. Without comments and texts.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if first == '"' {
            text_length(rest)
        } else if first == '\'' {
            character(rest)
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            tokens.push(name.to_owned());
            name.len()
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn raw_text(rest: &str) -> Option<usize> {
    let marks = rest.strip_prefix('r')?;
    let count = marks.len() - marks.trim_start_matches('#').len();
    let body = marks[count..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(count));
    Some(2 + count + body.find(&end)? + end.len())
}

fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// A character in quotes, or the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(1, |end| end + 4),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// The code without its tests.
pub fn without_tests(code: &[String]) -> Vec<String> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < code.len() {
        if code[at] != "#" || code.get(at + 1).is_none_or(|token| token != "[") {
            kept.push(code[at].clone());
            at += 1;
            continue;
        }
        let end = closed(code, at + 1);
        let attribute = &code[at..end];
        at = end;
        if attribute.get(2).is_some_and(|name| name == "cfg")
            && attribute.contains(&"test".to_owned())
            && !attribute.contains(&"not".to_owned())
        {
            while at < code.len() && code[at] != ";" && code[at] != "{" {
                at = if code[at] == "[" || code[at] == "(" {
                    closed(code, at)
                } else {
                    at + 1
                };
            }
            at = if code.get(at).is_some_and(|token| token == "{") {
                closed(code, at)
            } else {
                at + 1
            };
        }
    }
    kept
}

/// The position behind the bracket that closes the one at `open`.
fn closed(code: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in code.iter().enumerate().skip(open) {
        match token.as_str() {
            "[" | "(" | "{" => depth += 1,
            "]" | ")" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}
