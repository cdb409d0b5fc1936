//! Times as a ledger keeps them: nanoseconds since the epoch.

use serde::{Deserialize, Deserializer, Serializer};

use crate::clock::Timestamp;

pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_nanos())
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(Timestamp::from_nanos)
}

/// The same where there may be none.
pub mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::clock::Timestamp;

    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::as_nanos).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_nanos))
    }
}

/// The same of several.
pub mod list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::clock::Timestamp;

    pub fn serialize<S: Serializer>(at: &[Timestamp], serializer: S) -> Result<S::Ok, S::Error> {
        at.iter().map(|at| at.as_nanos()).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Timestamp>, D::Error> {
        let all = Vec::<i64>::deserialize(deserializer)?;
        Ok(all.into_iter().map(Timestamp::from_nanos).collect())
    }
}
