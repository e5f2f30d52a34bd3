// `-o json`: the fields of the API under their names in the proto, numbers as numbers, lists as plain arrays,
// every field present.  Stable: a field is added, never renamed.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>

namespace outrigger::cli {

using Json = nlohmann::ordered_json;

Json to_json(const google::protobuf::Message& message);

template <typename Repeated>
Json to_json_array(const Repeated& messages) {
  Json array = Json::array();
  for (const auto& message : messages) array.push_back(to_json(message));
  return array;
}

// A YAML document as JSON: unquoted numbers, booleans and nulls keep their type (YAML 1.2 core schema).
Json yaml_to_json(const std::string& yaml);
// Block style, fields in their order; what yaml_to_json makes the same of again.
std::string json_to_yaml(const Json& json);

}  // namespace outrigger::cli
