//! How one converter maps.

/// Options of the mapping, as the original's configuration has them.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ProtobufOptions {
    /// Whether enums and unions look as those of other formats do.
    pub is_sum_type_general: bool,
    /// Whether a null stays null where the schema has a default.
    pub is_default_ignored: bool,
    /// Whether names keep their package.
    pub has_full_names: bool,
    /// Whether names that Protobuf does not take are changed.
    pub is_name_scrubbed: bool,
    /// Whether enums are integers.
    pub is_enum_integer: bool,
    /// Whether fields that may be null have the label optional.
    pub has_optional_for_nullables: bool,
    /// Whether the label optional of proto2 means what that of proto3 means.
    pub has_optional_for_proto2: bool,
    /// Whether fields that may be null are wrapper messages.
    pub has_wrapper_for_nullables: bool,
    /// Whether a wrapper message at the top is the value in it.
    pub has_wrapper_for_raw_primitives: bool,
    /// Whether a message that is not there becomes a struct of defaults.
    pub is_struct_made_for_nulls: bool,
    /// Whether the names of unions end in a number.
    pub has_index_for_unions: bool,
    /// Whether the members of a union are fields of the struct around it.
    pub is_union_flattened: bool,
}

impl Default for ProtobufOptions {
    fn default() -> Self {
        Self {
            is_sum_type_general: false,
            is_default_ignored: false,
            has_full_names: false,
            is_name_scrubbed: false,
            is_enum_integer: false,
            has_optional_for_nullables: false,
            has_optional_for_proto2: true,
            has_wrapper_for_nullables: false,
            has_wrapper_for_raw_primitives: true,
            is_struct_made_for_nulls: false,
            has_index_for_unions: true,
            is_union_flattened: false,
        }
    }
}
