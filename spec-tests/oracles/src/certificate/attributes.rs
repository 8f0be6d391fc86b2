//! The attributes of a node, by type.

use super::document::{Attribute, Node};
use super::evaluation::{Result, Trouble, malformed, require};
use super::json::Json;
use rug::Rational;

/// The attributes of a node, these and no others.
pub(super) struct Attributes<'a>(&'a Node);

impl<'a> Attributes<'a> {
    pub(super) fn exactly(node: &'a Node, names: &[&str]) -> Result<Self> {
        let fits = names.len() == node.attributes.len() && names.iter().all(|name| node.attributes.contains_key(*name));
        require(fits, "attributes")?;
        Ok(Attributes(node))
    }

    pub(super) fn plain(&self, name: &str) -> Result<&'a Json> {
        if let Attribute::Plain(json) = &self.0.attributes[name] { Ok(json) } else { malformed(name) }
    }

    pub(super) fn number(&self, name: &str) -> Result<&'a Rational> {
        if let Attribute::Number(number) = &self.0.attributes[name] { Ok(number) } else { malformed(name) }
    }

    pub(super) fn numbers(&self, name: &str) -> Result<&'a [Rational]> {
        if let Attribute::Numbers(numbers) = &self.0.attributes[name] { Ok(numbers) } else { malformed(name) }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        if let Json::Bool(flag) = self.plain(name)? { Ok(*flag) } else { malformed(name) }
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str> {
        if let Json::String(text) = self.plain(name)? { Ok(text) } else { malformed(name) }
    }

    pub(super) fn integer(&self, name: &str) -> Result<usize> {
        integer(self.plain(name)?)
    }

    pub(super) fn integers(&self, name: &str) -> Result<Vec<usize>> {
        if let Json::Array(items) = self.plain(name)? { items.iter().map(integer).collect() } else { malformed(name) }
    }

    pub(super) fn signed(&self, name: &str) -> Result<Vec<i64>> {
        let Json::Array(items) = self.plain(name)? else { return malformed(name) };
        let number = |item: &Json| match item {
            Json::Number(text) => text.parse().map_err(|_| Trouble::Malformed("an integer".into())),
            _ => malformed("an integer"),
        };
        items.iter().map(number).collect()
    }
}

fn integer(json: &Json) -> Result<usize> {
    let Json::Number(text) = json else { return malformed("an integer") };
    text.parse().map_err(|_| Trouble::Malformed("an integer that is not negative".into()))
}
