//! Reads options one by one and collects every problem.

use super::{
    Config,
    def::ConfigDef,
    option_type::ConfigType,
    problems::{ConfigErrors, Problems},
    props::Props,
};

/// Reads options of a definition from a configuration and collects every problem.
///
/// Handed to [`Config::read`]; code that only wants a configuration calls [`Config::parse`].
#[derive(Debug)]
pub struct Reader<'a> {
    def: ConfigDef,
    props: &'a Props,
    problems: Problems,
    /// What stands before the names that are read now.
    prefix: String,
}

impl<'a> Reader<'a> {
    /// Starts to read `props` by a definition.
    pub fn new(def: ConfigDef, props: &'a Props) -> Self {
        Self { def, props, problems: Problems::of(props), prefix: String::new() }
    }

    /// The configuration that is read, for options whose keys are not known before.
    pub fn props(&self) -> &'a Props {
        self.props
    }

    /// Where problems go that belong to no single read.
    pub fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }

    /// Reads one option; `None` after noting its problem.
    pub fn read<T: ConfigType>(&mut self, name: &str) -> Option<T> {
        let full_name = format!("{}{name}", self.prefix);
        let Some(key) = self.def.get(&full_name) else {
            self.problems.add_text(name, format!("Unknown configuration '{full_name}'"));
            return None;
        };
        let read = match key.resolve(self.props) {
            Ok(Some(text)) => key
                .accept(&text)
                .and_then(|()| T::parse(&text).map_err(|reason| key.refusal(&text, &reason))),
            Ok(None) => T::absent().ok_or_else(|| super::problems::missing(&full_name)),
            Err(message) => Err(message),
        };
        read.map_err(|message| self.problems.add_text(name, message)).ok()
    }

    /// Reads a group of options and checks it across them; `None` after noting what does not parse.
    pub fn flatten<C: Config>(&mut self) -> Option<C> {
        let config = C::read(self)?;
        config.check(&mut self.problems);
        Some(config)
    }

    /// Reads a group of options whose keys all have this before them here.
    pub fn flatten_under<C: Config>(&mut self, prefix: &str) -> Option<C> {
        let inner = format!("{}{prefix}", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, inner.clone());
        let outer_problems = self.problems.put_under(inner);
        let config = self.flatten();
        self.problems.put_under(outer_problems);
        self.prefix = outer;
        config
    }

    /// Ends the reading: the configuration, unless anything is wrong.
    ///
    /// # Errors
    /// Every problem noted.
    pub fn finish<C>(self, config: Option<C>) -> Result<C, ConfigErrors> {
        self.problems.finish()?;
        config.ok_or_else(|| ConfigErrors::one("", "The configuration could not be read"))
    }
}
