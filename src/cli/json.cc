#include "cli/json.h"

#include <charconv>

#include "manifest/yaml.h"

namespace outrigger::cli {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Json single(const Message& message, const FieldDescriptor* field) {
  const Reflection& in = *message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return in.GetBool(message, field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return in.GetUInt32(message, field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return in.GetUInt64(message, field);
    case FieldDescriptor::CPPTYPE_INT32:
      return in.GetInt32(message, field);
    case FieldDescriptor::CPPTYPE_INT64:
      return in.GetInt64(message, field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return in.GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return in.GetFloat(message, field);
    case FieldDescriptor::CPPTYPE_STRING:
      return in.GetString(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return in.GetEnum(message, field)->name();
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return to_json(in.GetMessage(message, field));
  }
  return nullptr;
}

// Map entries are messages of two fields; only maps of text are in the API.
Json labels(const Message& message, const FieldDescriptor* field) {
  const Reflection& in = *message.GetReflection();
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < in.FieldSize(message, field); ++i) {
    const Message& entry = in.GetRepeatedMessage(message, field, i);
    const auto text = [&](int number) {
      return entry.GetReflection()->GetString(entry, entry.GetDescriptor()->FindFieldByNumber(number));
    };
    sorted.emplace(text(1), text(2));
  }
  return sorted;
}

Json repeated(const Message& message, const FieldDescriptor* field) {
  const Reflection& in = *message.GetReflection();
  Json array = Json::array();
  for (int i = 0; i < in.FieldSize(message, field); ++i) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      array.push_back(to_json(in.GetRepeatedMessage(message, field, i)));
    } else {
      array.push_back(in.GetRepeatedString(message, field, i));
    }
  }
  return array;
}

template <typename Number>
bool whole(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Json plain(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  int64_t integer = 0;
  if (whole(text, integer)) return integer;
  double real = 0;
  if (text.find_first_of(".eE") != std::string::npos && whole(text, real)) return real;
  return text;
}

Json convert(const manifest::Yaml& value) {
  switch (value.type) {
    case manifest::Yaml::Type::kNull:
      return nullptr;
    case manifest::Yaml::Type::kPlain:
      return plain(value.text);
    case manifest::Yaml::Type::kQuoted:
      return value.text;
    case manifest::Yaml::Type::kList: {
      Json array = Json::array();
      for (const manifest::Yaml& item : value.items) array.push_back(convert(item));
      return array;
    }
    case manifest::Yaml::Type::kMap: {
      Json object = Json::object();
      for (const manifest::YamlField& field : value.fields) object[field.key] = convert(field.value);
      return object;
    }
  }
  return nullptr;
}

}  // namespace

Json to_json(const Message& message) {
  Json object = Json::object();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    if (field->is_map()) {
      object[field->name()] = labels(message, field);
    } else {
      object[field->name()] = field->is_repeated() ? repeated(message, field) : single(message, field);
    }
  }
  return object;
}

Json yaml_to_json(const std::string& yaml) {
  size_t aliased = 0;
  const manifest::YamlDocument document = manifest::parse_yaml({yaml, 1}, aliased);
  return document.root ? convert(*document.root) : Json(nullptr);
}

namespace {

manifest::Yaml tree_of(const Json& json) {
  using Type = manifest::Yaml::Type;
  manifest::Yaml value;
  if (json.is_object()) {
    value.type = Type::kMap;
    for (const auto& [key, below] : json.items()) value.fields.push_back({key, 0, tree_of(below)});
  } else if (json.is_array()) {
    value.type = Type::kList;
    for (const Json& below : json) value.items.push_back(tree_of(below));
  } else if (json.is_string()) {
    value.type = Type::kQuoted;
    value.text = json.get<std::string>();
  } else if (!json.is_null()) {
    value.type = Type::kPlain;
    value.text = json.dump();
  }
  return value;
}

}  // namespace

std::string json_to_yaml(const Json& json) { return manifest::emit_yaml(tree_of(json)); }

}  // namespace outrigger::cli
