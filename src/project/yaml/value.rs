//! A YAML value with numbers of any size.
//!
//! `serde_yaml::Value` refuses integers beyond 64 bits; here they are kept as text.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value};

/// A value; integers beyond 64 bits are texts.
pub struct YamlValue(pub Value);

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = YamlValue;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::Bool(flag)))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::from(whole)))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::from(whole)))
    }

    fn visit_i128<E>(self, whole: i128) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::String(whole.to_string())))
    }

    fn visit_u128<E>(self, whole: u128) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::String(whole.to_string())))
    }

    fn visit_f64<E>(self, float: f64) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::from(float)))
    }

    fn visit_str<E>(self, text: &str) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::from(text)))
    }

    fn visit_unit<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::Null))
    }

    fn visit_none<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<YamlValue, D::Error> {
        YamlValue::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<YamlValue, A::Error> {
        let mut list = Vec::new();
        while let Some(YamlValue(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(YamlValue(Value::Sequence(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<YamlValue, A::Error> {
        let mut mapping = Mapping::new();
        while let Some((YamlValue(key), YamlValue(value))) = members.next_entry()? {
            mapping.insert(key, value);
        }
        Ok(YamlValue(Value::Mapping(mapping)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<YamlValue, A::Error> {
        let (tag, content) = tagged.variant::<String>()?;
        let YamlValue(value) = content.newtype_variant()?;
        let tag = Tag::new(tag);
        Ok(YamlValue(Value::Tagged(Box::new(TaggedValue {
            tag,
            value,
        }))))
    }
}
