//! The modules of each package form no circle: a reader can begin with those without dependencies,
//! and can understand each without the modules that use it.
//!
//! The check compares siblings. Below each module, its children (each with everything in it) may
//! depend on each other in one direction only. A module and its own children may depend on each
//! other: it is their facade, and they are its parts. A dependency is a path to the other module
//! outside of tests, followed through `pub use` to where the name is defined. Methods aren't found
//! that way, so a type whose methods are in a sibling of its own module counts as a circle, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    root,
    rust_source::{is_name, tokens, without_tests},
};

/// The path of a module below `src`.
type Name = Vec<String>;

/// The relevant contents of a module.
#[derive(Default)]
struct Module {
    /// Paths in its code, and those that it imports.
    paths: Vec<Name>,
    /// Its own names for its imports.
    imports: BTreeMap<String, Name>,
    /// Modules all of whose names it imports.
    globs: Vec<Name>,
    /// Types and functions that it defines.
    defines: BTreeSet<String>,
    /// Types with methods here.
    extends: Vec<String>,
}

struct Package {
    modules: BTreeMap<Name, Module>,
}

impl Package {
    fn read(entry: &Path) -> Self {
        let mut package = Self {
            modules: BTreeMap::new(),
        };
        package.add(entry, Vec::new(), entry.parent().unwrap());
        package
    }

    fn add(&mut self, file: &Path, name: Name, folder: &Path) {
        let code = tokens(&fs::read_to_string(file).unwrap());
        let code = without_tests(&code);
        for window in code.windows(3) {
            let [keyword, child, end] = window else {
                continue;
            };
            if keyword == "mod" && end == ";" {
                let inside = folder.join(child);
                let files = [folder.join(format!("{child}.rs")), inside.join("mod.rs")];
                if let Some(file) = files.iter().find(|file| file.exists()) {
                    let mut name = name.clone();
                    name.push(child.clone());
                    self.add(file, name, &inside);
                }
            }
        }
        self.modules.insert(name, Module::read(&code));
    }

    /// The module that a path leads to, seen from another; `None` for other packages.
    fn target(&self, from: &[String], path: &[String], depth: usize) -> Option<Name> {
        let (mut module, mut rest) = (from.to_vec(), path);
        match rest.first()?.as_str() {
            "crate" => (module, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    module.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                module.push(child.to_owned());
                self.modules.get(&module)?;
                module.pop();
            }
        }
        while let Some(child) = rest.first() {
            module.push(child.clone());
            if !self.modules.contains_key(&module) {
                module.pop();
                break;
            }
            rest = &rest[1..];
        }
        let here = &self.modules[&module];
        let Some(name) = rest.first().filter(|name| !here.defines.contains(*name)) else {
            return Some(module);
        };
        // Deeper than any re-export.
        if depth < 8 {
            if let Some(import) = here.imports.get(name).filter(|import| *import != path) {
                return self.target(&module, import, depth + 1);
            }
            for glob in &here.globs {
                let found = self.target(&module, glob, depth + 1);
                if found.as_ref().is_some_and(|found| {
                    let there = &self.modules[found];
                    there.defines.contains(name) || there.imports.contains_key(name)
                }) {
                    return found;
                }
            }
        }
        Some(module)
    }

    /// Which module depends on which.
    fn dependencies(&self) -> BTreeSet<(Name, Name)> {
        let mut found = BTreeSet::new();
        for (name, module) in &self.modules {
            for path in module.paths.iter().chain(&module.globs) {
                if let Some(other) = self.target(name, path, 0) {
                    found.insert((name.clone(), other));
                }
            }
            for extended in &module.extends {
                let Some(import) = module.imports.get(extended) else {
                    continue;
                };
                if let Some(other) = self.target(name, import, 0)
                    && self.modules[&other].defines.contains(extended)
                {
                    found.insert((name.clone(), other.clone()));
                    found.insert((other, name.clone()));
                }
            }
        }
        found
    }

    /// The circles among the children of each module: its name, and the children that form one.
    fn circles(&self) -> BTreeSet<(String, Vec<String>)> {
        let mut siblings: BTreeMap<Name, BTreeSet<(String, String)>> = BTreeMap::new();
        for (one, other) in self.dependencies() {
            let shared = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
            if let (Some(a), Some(b)) = (one.get(shared), other.get(shared)) {
                let edges = siblings.entry(one[..shared].to_vec()).or_default();
                edges.insert((a.clone(), b.clone()));
            }
        }
        let mut circles = BTreeSet::new();
        for (parent, edges) in siblings {
            for (member, _) in &edges {
                let reached = reached(member, &edges);
                let together = reached.iter().filter(|other| {
                    let back = self::reached(other, &edges);
                    back.contains(member)
                });
                let together: Vec<_> = together.cloned().collect();
                if together.len() > 1 {
                    circles.insert((parent.join("::"), together));
                }
            }
        }
        circles
    }
}

/// Everything that can be reached over at least one edge.
fn reached(from: &str, edges: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(next) = open.pop() {
        for (_, other) in edges.iter().filter(|(one, _)| *one == next) {
            if found.insert(other.clone()) {
                open.push(other.clone());
            }
        }
    }
    found
}

impl Module {
    fn read(code: &[String]) -> Self {
        let mut module = Self::default();
        let mut at = 0;
        while at < code.len() {
            let token = code[at].as_str();
            let next = code.get(at + 1).map_or("", String::as_str);
            match token {
                "use" => {
                    let end = code[at..].iter().position(|token| token == ";");
                    let end = at + end.unwrap_or(code.len() - at);
                    // `pub use` passes a name on and depends on nothing itself.
                    let hands_on = code[..at].iter().rev().find(|token| {
                        !["crate", "super", "in", "(", ")", "::"].contains(&token.as_str())
                    });
                    let hands_on = hands_on.is_some_and(|token| token == "pub");
                    module.import(&[], &code[at + 1..end], hands_on);
                    at = end;
                }
                "struct" | "enum" | "trait" | "type" | "union" | "fn" | "const" | "static" => {
                    module.defines.insert(next.to_owned());
                }
                // In the position of an item, and not of a type.
                "impl" if at == 0 || ["}", ";"].contains(&code[at - 1].as_str()) => {
                    let head = code[at + 1..].iter().take_while(|token| *token != "{");
                    module
                        .extends
                        .extend(extended(&head.cloned().collect::<Vec<_>>()));
                }
                _ if next == "::" && (at == 0 || code[at - 1] != "::") => {
                    let mut path = vec![token.to_owned()];
                    while code.get(at + 1).is_some_and(|token| token == "::")
                        && code.get(at + 2).is_some_and(|token| is_name(token))
                    {
                        path.push(code[at + 2].clone());
                        at += 2;
                    }
                    module.paths.push(path);
                }
                _ => {}
            }
            at += 1;
        }
        module
    }

    /// Adds one tree of an import: `a::{b, c::d as e}`.
    fn import(&mut self, prefix: &[String], tree: &[String], hands_on: bool) {
        if let Some(open) = tree.iter().position(|token| token == "{") {
            let head = tree[..open].iter().filter(|token| *token != "::");
            let prefix: Vec<_> = prefix.iter().chain(head).cloned().collect();
            let (mut depth, mut start) = (0, open + 1);
            for at in open..tree.len() {
                match tree[at].as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                let ends = depth == 0 || depth == 1 && tree[at] == ",";
                if ends {
                    self.import(&prefix, &tree[start..at], hands_on);
                    start = at + 1;
                }
                if depth == 0 {
                    break;
                }
            }
            return;
        }
        let alias = tree.iter().position(|token| token == "as");
        let path = tree[..alias.unwrap_or(tree.len())].iter();
        let path = path.filter(|token| *token != "::" && *token != "self" || prefix.is_empty());
        let mut path: Vec<_> = prefix.iter().chain(path).cloned().collect();
        path.retain(|token| token != "::");
        match path.last().map(String::as_str) {
            None => {}
            Some("*") => {
                path.pop();
                self.globs.push(path);
            }
            Some(last) => {
                let name = alias.map_or(last, |at| tree[at + 1].as_str());
                self.imports.insert(name.to_owned(), path.clone());
                if !hands_on {
                    self.paths.push(path);
                }
            }
        }
    }
}

/// The type of a block of methods; `None` for a trait's.
fn extended(head: &[String]) -> Option<String> {
    let (mut depth, mut last) = (0_i32, None);
    for (at, token) in head.iter().enumerate() {
        match token.as_str() {
            "<" => depth += 1,
            // Not the arrow of a function.
            ">" if at == 0 || head[at - 1] != "-" => depth -= 1,
            "for" => return None,
            "where" => break,
            name if depth == 0 && is_name(name) => last = Some(name.to_owned()),
            _ => {}
        }
    }
    last
}

fn packages() -> Vec<String> {
    let mut packages: Vec<_> = ["xtask", "frontend", "frontend/state", "frontend/pack"]
        .map(str::to_owned)
        .into();
    for folder in ["crates", "apps"] {
        for entry in root().join(folder).read_dir().unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            packages.push(format!("{folder}/{name}"));
        }
    }
    packages.sort();
    packages
}

#[test]
fn modules_form_no_cycles() {
    let mut found = BTreeSet::new();
    let mut modules = 0;
    for package in packages() {
        for entry in ["lib.rs", "main.rs"] {
            let entry = root().join(&package).join("src").join(entry);
            if entry.exists() {
                let read = Package::read(&entry);
                modules += read.modules.len();
                let circles = read.circles().into_iter();
                found.extend(circles.map(|(parent, members)| (package.clone(), parent, members)));
            }
        }
    }
    assert!(modules > 400, "{modules} modules were read");
    assert!(found.is_empty(), "modules depend on each other: {found:#?}");
}
