#include "manifest/yaml.h"

#include <gtest/gtest.h>

#include "manifest/spot.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

bool is_text(const Yaml& value) {
  return value.type == Yaml::Type::kQuoted || (value.type == Yaml::Type::kPlain && !is_number_or_bool(value));
}

// Quotes may come and go around what is text either way.
bool same(const Yaml& a, const Yaml& b) {
  if (a.type != b.type && !(is_text(a) && is_text(b))) return false;
  if (a.text != b.text || a.items.size() != b.items.size() || a.fields.size() != b.fields.size()) {
    return false;
  }
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!same(a.items[i], b.items[i])) return false;
  }
  for (size_t i = 0; i < a.fields.size(); ++i) {
    if (a.fields[i].key != b.fields[i].key || !same(a.fields[i].value, b.fields[i].value)) return false;
  }
  return true;
}

YamlDocument parse(std::string_view text) {
  size_t aliased = 0;
  return parse_yaml({text, 1}, aliased);
}

TEST(Source, RefusesWhatIsNoText) {
  const struct {
    std::string text;
    int line;
    const char* problem;
  } rows[] = {
      {std::string("a: b\0", 5), 1, "has the control character 0x00, must be plain text"},
      {"a: b\nc: \x1b[31m", 2, "has the control character 0x1b, must be plain text"},
      {"a: \xff", 1, "is not UTF-8 text"},
      {"a: \xc0\x80", 1, "is not UTF-8 text"},          // overlong
      {"a: \xed\xa0\x80", 1, "is not UTF-8 text"},      // surrogate
      {"a: \xf4\x90\x80\x80", 1, "is not UTF-8 text"},  // beyond U+10FFFF
      {"a: \xe2\x82", 1, "is not UTF-8 text"},          // cut off
      {"a\n\rb", 2, "has a carriage return without a line feed; end lines with a line feed"},
  };
  for (const auto& row : rows) {
    const auto fault = check_source(row.text);
    ASSERT_TRUE(fault) << row.text;
    EXPECT_EQ(fault->line, row.line) << row.text;
    EXPECT_EQ(fault->problem, row.problem);
  }
  EXPECT_FALSE(check_source("name: \xc3\xa9\xe2\x82\xac\xf0\x9f\x9b\xb6\r\n\tx\n"));
  EXPECT_TRUE(check_source(std::string(kMaxSourceBytes + 1, ' ')));
}

TEST(Source, SplitsAtMarkersAndKeepsLines) {
  const std::string text =
      "\xef\xbb\xbf# only a comment\n---\na: 1\n...\n%YAML 1.2\n---\n\n\n# about b\nb: 2\n\n--- {c: "
      "3}\n---x: 4\n";
  const auto slices = split_documents(text);
  ASSERT_EQ(slices.size(), 3u);
  EXPECT_EQ(slices[0].text, "a: 1\n");
  EXPECT_EQ(slices[0].first_line, 3);
  EXPECT_EQ(slices[1].text, "# about b\nb: 2\n");
  EXPECT_EQ(slices[1].first_line, 9);
  EXPECT_EQ(slices[2].text, " {c: 3}\n---x: 4\n");
  EXPECT_EQ(slices[2].first_line, 12);
}

TEST(Yaml, TellsTextFromPlainScalarsAndKeepsLines) {
  const auto document =
      parse("a: 80\nb: '80'\nc:\n  - x\n  - \"y\"\nd: ~\ne: |\n  two\n  lines\nf: !!str 80\n");
  ASSERT_TRUE(document.root && document.faults.empty());
  EXPECT_EQ(document.root->find("a")->value.type, Yaml::Type::kPlain);
  EXPECT_EQ(document.root->find("b")->value.type, Yaml::Type::kQuoted);
  EXPECT_EQ(document.root->find("c")->value.items[1].line, 5);
  EXPECT_EQ(document.root->find("d")->value.type, Yaml::Type::kNull);
  EXPECT_EQ(document.root->find("e")->value.text, "two\nlines\n");
  EXPECT_EQ(document.root->find("f")->value.type, Yaml::Type::kQuoted);
}

TEST(Yaml, MergesWhatTheMappingDoesNotHave) {
  const auto document = parse("base: &b {x: 1, y: 2}\nuser: {<<: *b, y: 3}\nlist: {<<: [*b, {z: 4}]}\n");
  ASSERT_TRUE(document.root);
  const Yaml& user = document.root->find("user")->value;
  EXPECT_EQ(user.fields.size(), 2u);
  EXPECT_EQ(user.find("x")->value.text, "1");
  EXPECT_EQ(user.find("y")->value.text, "3");
  EXPECT_EQ(document.root->find("list")->value.find("z")->value.text, "4");
}

TEST(Yaml, FaultsNameTheirLine) {
  std::string deep(70, '[');
  const struct {
    std::string text;
    int line;
    const char* problem;
  } rows[] = {
      {"a: 1\nb: 2\na: 3\n", 3,
       "duplicate key \"a\", already given on line 1 of the same mapping; remove one"},
      {"a: [1\nb: 2\n", 2, "is not YAML: end of sequence flow not found"},
      {"a:\n\tb: 1\n", 2, "a tab is used to indent; YAML allows only spaces"},
      {"x: 1\n" + deep, 2, "lists and mappings nest deeper than 64, the limit"},
      {deep, 1, "lists and mappings nest deeper than 64, the limit"},
      {"a: *b\n", 1, "is not YAML: the referenced anchor is not defined"},
      {"a: &a [*a]\n", 1, "an alias stands inside its own anchor"},
      {"a: !secret x\n", 1, "has the tag !secret, which is not known here; remove it"},
      {"[a]: 1\n", 1, "the name of a field must be text"},
      {"{a: 1}\n{b: 2}\n", 2, "text after the end of the document; put --- between documents"},
      {"a: {<<: 5}\n", 1, "<< must merge a mapping"},
  };
  for (const auto& row : rows) {
    const auto document = parse(row.text);
    ASSERT_EQ(document.faults.size(), 1u) << row.text;
    EXPECT_EQ(document.faults[0].line, row.line) << row.text;
    EXPECT_EQ(document.faults[0].problem, row.problem) << row.text;
  }
}

TEST(Yaml, FindsDuplicatesAmongManyKeys) {
  std::string text;
  for (int i = 0; i < 100; ++i) append(text, "k", i, ": 1\n");
  EXPECT_TRUE(parse(text).faults.empty());
  for (const char* again : {"k0: 2\n", "k15: 2\n", "k16: 2\n", "k99: 2\n"}) {
    const auto document = parse(text + again);
    ASSERT_EQ(document.faults.size(), 1u) << again;
    EXPECT_EQ(document.faults[0].line, 101);
  }
}

TEST(Yaml, AliasesCannotExplode) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (int level = 0; level < 11; ++level) {
    const std::string below(1, static_cast<char>('a' + level));
    const std::string here(1, static_cast<char>('b' + level));
    append(bomb, here, ": &", here, " [*", below);
    for (int i = 0; i < 8; ++i) append(bomb, ", *", below);
    append(bomb, "]\n");
  }
  const auto document = parse(bomb);
  ASSERT_EQ(document.faults.size(), 1u);
  EXPECT_EQ(document.faults[0].problem, "anchors and aliases copy more than 100000 values, the limit");
}

TEST(Yaml, EmitsWhatParsesToTheSame) {
  for (const char* text : {
           "a: 1\nb: [x, 'y', \"z: #\", ~, -5, .5, '']\nc: {}\nd: []\n",
           "- - a\n  - b\n- {a: {b: [c]}}\n-\n- |\n  two\n  lines\n",
           "'a: b': \"tab\\t, quote\\\", back\\\\, bell\\a\"\n",
           "\"null\": x\n\"\": y\n'- z': -1\n",
           "time: 12:30:00\nv6: fd00::1\ndate: 2024-01-01\nlong: some words that fold\n  into one line\n",
       }) {
    const auto first = parse(text);
    ASSERT_TRUE(first.root) << text;
    const std::string emitted = emit_yaml(*first.root);
    const auto second = parse(emitted);
    ASSERT_TRUE(second.root && second.faults.empty()) << emitted;
    EXPECT_TRUE(same(*first.root, *second.root)) << text << "\n=>\n" << emitted;
  }
}

}  // namespace
}  // namespace outrigger::manifest
