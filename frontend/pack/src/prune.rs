//! Taking out code that can't run, which no optimizer sees.

use walrus::{FunctionKind, Module};

/// A part of the standard library that makes the names of functions readable, in the traces of
/// panics. WebAssembly has no stack that it could read: there is never a name to print.
const DEMANGLER: &str = "14rustc_demangle";
/// In instructions. The compiler makes one function of all small ones that are alike, and gives it
/// the name of any of them: a small one may be called by others, under this name.
const SMALL: u64 = 100;

/// Empties the functions of the demangler, so that the optimizer drops what only they use;
/// returns how many.
///
/// They are in the app since the standard library comes compiled: one that was compiled without
/// them takes an unstable option of cargo's. Should they get another name, the limit of the app's
/// size tells.
pub fn prune(module: &mut Module) -> usize {
    let unused: Vec<_> = module
        .funcs
        .iter()
        .filter(|function| {
            let FunctionKind::Local(local) = &function.kind else {
                return false;
            };
            local.size() > SMALL && function.name.as_deref().is_some_and(is_of_the_demangler)
        })
        .map(walrus::Function::id)
        .collect();
    for &id in &unused {
        let local = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let mut body = local.builder_mut().func_body();
        body.instrs_mut().clear();
        body.unreachable();
    }
    unused.len()
}

/// Whether a name, as the compiler writes it, belongs to it. At its end a name tells for which
/// library a function of another one was compiled.
fn is_of_the_demangler(name: &str) -> bool {
    name.find(DEMANGLER)
        .is_some_and(|at| at + DEMANGLER.len() < name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::FunctionBuilder;

    /// Adds a function of this name, with so many instructions.
    fn function(module: &mut Module, name: &str, instructions: usize) {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.name(name.to_owned());
        for number in 0..instructions / 2 {
            builder
                .func_body()
                .i32_const(i32::try_from(number).unwrap())
                .drop();
        }
        let id = builder.finish(vec![], &mut module.funcs);
        module.exports.add(name, id);
    }

    fn size(module: &Module, name: &str) -> u64 {
        let id = module.funcs.by_name(name).unwrap();
        module.funcs.get(id).kind.unwrap_local().size()
    }

    #[test]
    fn only_large_functions_of_the_demangler_are_emptied() {
        let printer = "_RNvMs4_NtCs1_14rustc_demangle2v0NtB5_7Printer10print_type";
        let small = "_RNvMs4_NtCs1_14rustc_demangle2v0NtB5_7Printer3eat";
        let strangers = "_RNvXs1g_NtCs2_4core3fmtReNtB6_5Debug3fmtCs1_14rustc_demangle";
        let mut module = Module::default();
        for (name, size) in [(printer, 400), (small, 40), (strangers, 400), ("app", 400)] {
            function(&mut module, name, size);
        }
        assert_eq!(prune(&mut module), 1);
        assert_eq!(size(&module, printer), 1);
        assert_eq!(size(&module, small), 40);
        assert_eq!(size(&module, strangers), 400);
        assert_eq!(size(&module, "app"), 400);
    }
}
