//! The names visible at a place, as far as one file tells.

/// A name that may be written at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name as it is written: `total`, `self.total`.
    pub name: String,
    /// The type as far as the text tells, without references and lifetimes: `Vec<u32>`, `{integer}`; else `None`.
    pub type_text: Option<String>,
    /// Whether it is declared as one that may be assigned to.
    pub is_mutable: bool,
}

/// The names visible at a place, the nearest declaration first; shadowed ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Parameters, variables and the constants of the file.
    pub variables: Vec<Binding>,
    /// Fields of the receiver, written with it.
    pub fields: Vec<Binding>,
}

impl Scope {
    /// Adds a variable unless a nearer one has its name.
    pub(super) fn declare(&mut self, binding: Binding) {
        if self.variable(&binding.name).is_none() {
            self.variables.push(binding);
        }
    }

    /// Returns the variable of a name.
    pub fn variable(&self, name: &str) -> Option<&Binding> {
        self.variables.iter().find(|binding| binding.name == name)
    }
}
