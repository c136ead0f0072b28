//! Reads lists: names and networks, each item with a fault of its own.

use toml::de::DeArray;

use crate::names::{self, Kind, Names};
use crate::network::{self, Networks};
use crate::reader::{Key, Reader, Value, shown};
use crate::source::Setting;

impl Reader<'_> {
    /// A list of names.
    pub fn names(&mut self, key: &Key<'_>, value: &Value<'_>, kind: Kind) -> Option<Setting<Names>> {
        let list = self.list(key, value)?;
        let mut names = Names::with_capacity(list.len());
        for item in list.iter() {
            let Some(name) = self.item(key, item) else { continue };
            match names::objection(kind, name) {
                None => names.push(name),
                Some((why, mend)) => {
                    let message = format!("{}: {why}: {:?}", key.get_ref(), shown(name));
                    self.fault(item.span().start, message, mend);
                }
            }
        }
        Some(self.place(key, names))
    }

    /// A list of networks, or "local".
    pub fn networks(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<Networks>> {
        let list = self.list(key, value)?;
        let mut networks = Networks { local: false, nets: Vec::with_capacity(list.len()) };
        for item in list.iter() {
            match self.item(key, item) {
                None => {}
                Some("local") => networks.local = true,
                Some(text) => match network::read(text) {
                    Ok(net) => networks.nets.push(net),
                    Err(mend) => {
                        let message = format!("networks: {:?} is not an address or network", shown(text));
                        self.fault(item.span().start, message, mend);
                    }
                },
            }
        }
        Some(self.place(key, networks))
    }

    fn list<'v, 't>(&mut self, key: &Key<'_>, value: &'v Value<'t>) -> Option<&'v DeArray<'t>> {
        let list = value.get_ref().as_array();
        if list.is_none() {
            self.wrong_type(key, value, "a list in brackets");
        }
        list
    }

    fn item<'v>(&mut self, key: &Key<'_>, item: &'v Value<'_>) -> Option<&'v str> {
        let text = item.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, item, "a text in quotes");
        }
        text
    }
}
