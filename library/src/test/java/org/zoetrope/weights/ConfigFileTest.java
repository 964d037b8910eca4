package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.zoetrope.weights.ConfigException.require;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.weights.ConfigFile.Default;
import org.zoetrope.weights.ConfigFile.Ignores;
import org.zoetrope.weights.ConfigFile.Key;

class ConfigFileTest {
    enum Prediction { EPSILON, V_PREDICTION }

    record Rope(double theta, List<Integer> axes) {}

    @Ignores({"dropout", "sample_*"})
    record Config(int width, int heads, double normEps, Optional<Integer> patchSizeT, @Default("true") boolean bias,
            List<Integer> channels, @Key("class") String kind, @Default("\"epsilon\"") Prediction predictionType,
            Optional<Rope> rope) {
        Config {
            require(width % heads == 0, "width %d is not a multiple of heads %d", width, heads);
        }
    }

    private static Config parse(String json) {
        return ConfigFile.parse("config.json", json.replace('\'', '"'), Config.class, "Marble", "MarbleModel");
    }

    private static final String GOOD = """
            {'_class_name':'Marble','_note':[1],'width':8,'heads':2.0,'norm_eps':1e-5,'patch_size_t':null,
             'channels':[1,2],'class':'a','dropout':0.1,'sample_height':60,'rope':{'theta':10000,'axes':[4,2]},
             'prediction_type':'v_prediction'}""";

    @Test
    void keysBecomeComponents() {
        assertThat(parse(GOOD)).isEqualTo(new Config(8, 2, 1e-5, Optional.empty(), true, List.of(1, 2), "a",
                Prediction.V_PREDICTION, Optional.of(new Rope(10000, List.of(4, 2)))));
    }

    @Test
    void aSingleValueIsAListOfOne() {
        assertThat(parse(GOOD.replace("[1,2]", "7")).channels()).containsExactly(7);
    }

    @Test
    void unknownAndMissingKeysAreReportedTogetherWithTheNearestName() {
        var json = "{'widht':8,'heads':2,'norm_epsilon':1e-5,'colour':'red','channels':[],'class':'a'}";
        assertThatThrownBy(() -> parse(json))
                .isInstanceOf(ConfigException.class).hasMessage("""
                        config.json: 5 problems
                        - unknown key "widht" = 8; did you mean "width"?
                        - unknown key "norm_epsilon" = 1.0E-5; did you mean "norm_eps"?
                        - unknown key "colour" = "red"
                        - missing key "width"; found "widht"
                        - missing key "norm_eps"; found "norm_epsilon\"""");
    }

    static Stream<Arguments> wrongValues() {
        return Stream.of(
                    arguments("'width':8", "'width':8.5", "\"width\" is 8.5, expected a whole number"),
                    arguments("'width':8", "'width':null", "\"width\" is null, expected a whole number"),
                    arguments("'width':8", "'width':'8'", "\"width\" is \"8\", expected a whole number"),
                    arguments("'width':8", "'width':4294967296", "\"width\" is 4294967296, expected a whole number"),
                    arguments("'width':8", "'width':NaN", "\"width\" is \"NaN\", expected a whole number"),
                    arguments("'norm_eps':1e-5", "'norm_eps':[1]", "\"norm_eps\" is [1], expected a number"),
                    arguments("'patch_size_t':null", "'patch_size_t':true",
                            "\"patch_size_t\" is true, expected a whole number"),
                    arguments("'channels':[1,2]", "'channels':[1,'b',null]",
                            "\"channels[1]\" is \"b\", expected a whole number"),
                    arguments("'channels':[1,2]", "'channels':null", "\"channels\" is null, expected a list"),
                    arguments("'v_prediction'", "'flow'",
                            "\"prediction_type\" is \"flow\", expected \"epsilon\" or \"v_prediction\""),
                    arguments("{'theta':10000", "{'thetas':10000", "missing key \"rope.theta\"; found \"thetas\""),
                    arguments("{'theta':10000,'axes':[4,2]}", "3", "\"rope\" is 3, expected an object"),
                    arguments("'width':8", "'width':9", "config.json: width 9 is not a multiple of heads 2"),
                    arguments("'heads':2.0", "'heads':0",
                            "its values cannot be used together: java.lang.ArithmeticException"),
                    arguments("'width':8", "'width':8,'width':8", "Duplicate field 'width'"),
                    arguments("'width':8", "'width' 8", "config.json is not valid JSON in line 1"),
                    arguments("_class_name':'Marble'", "_class_name':'Glass'",
                            "config.json: it describes a Glass, expected Marble or MarbleModel"));
    }

    @ParameterizedTest
    @MethodSource("wrongValues")
    void aWrongValueIsNamed(String good, String bad, String message) {
        assertThat(GOOD).contains(good);
        assertThatThrownBy(() -> parse(GOOD.replace(good, bad))).isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void infinityAndNotANumberAreNumbers() {
        assertThat(parse(GOOD.replace("1e-5", "-Infinity")).normEps()).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(parse(GOOD.replace("1e-5", "NaN")).normEps()).isNaN();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "3", "{} {}", "{", "nul"})
    void whatIsNotOneObjectIsRefused(String json) {
        assertThatThrownBy(() -> parse(json)).isInstanceOf(ConfigException.class).hasMessageContaining("config.json");
    }

    @Test
    void deepNestingEndsInAMessage() {
        assertThatThrownBy(() -> parse("{\"width\":" + "[".repeat(100_000))).isInstanceOf(ConfigException.class);
    }

    @Test
    void writingAndReadingGivesTheSameRecord(@TempDir Path folder) throws Exception {
        for (var config : List.of(parse(GOOD), parse(GOOD.replace("1e-5", "-Infinity").replace("null", "3")))) {
            ConfigFile.write(folder.resolve("config.json"), "Marble", config);
            assertThat(ConfigFile.read(folder.resolve("config.json"), Config.class, "Marble")).isEqualTo(config);
        }
        assertThat(Files.readString(folder.resolve("config.json")))
                .contains("\"_class_name\" : \"Marble\"", "\"patch_size_t\" : 3");
    }

    @Test
    void printingAndParsingGivesTheSameRecord() {
        var config = parse(GOOD);
        assertThat(ConfigFile.parse("printed", ConfigFile.print(config), Config.class)).isEqualTo(config);
    }

    @Test
    void aMissingFileIsNamed(@TempDir Path folder) {
        assertThatThrownBy(() -> ConfigFile.read(folder.resolve("config.json"), Config.class))
                .isInstanceOf(ConfigException.class).hasMessageContaining("no file")
                .hasMessageContaining("config.json");
    }

    @Test
    void damagedTextEndsInARecordOrAMessage() {
        var random = new Random(3);
        var good = GOOD.replace('\'', '"');
        var read = 0;
        for (var i = 0; i < 30_000; i++) {
            var text = new StringBuilder(good);
            for (var n = random.nextInt(4); n >= 0; n--) {
                var at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) (text.charAt(at) ^ 1 << random.nextInt(8)));
                    case 1 -> text.deleteCharAt(at);
                    case 2 -> text.insert(at, "{}[]\",:-.e09".charAt(random.nextInt(12)));
                    default -> text.setLength(Math.max(10, at));
                }
            }
            try {
                assertThat(ConfigFile.parse("fuzzed", text.toString(), Config.class).heads()).isNotZero();
                read++;
            } catch (ConfigException e) {
                assertThat(e.problems()).isNotEmpty();
            }
        }
        assertThat(read).isGreaterThan(100);
    }
}
