import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Applies Kafka Connect's own transformations and converters: the oracle that ours are compared with.
 *
 * Reads one case per line, {"class", "config"} with one of "record" (a transformation is applied),
 * "bytes" (a converter reads them) and "data" (a converter writes them); header converters have
 * "header" beside. Writes one line for each: {"config": MESSAGE} when the configuration is refused,
 * {"error": MESSAGE, "class": CLASS} when the record is, else {"record": RECORD},
 * null when it is dropped, {"data": DATA} or {"bytes": BASE64}. Data are written with their types: a
 * value is null or [TYPE, CONTENT], a schema an object of its properties.
 */
public class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
        out.flush();
    }

    private static ObjectNode answer(JsonNode given) throws Exception {
        ObjectNode answer = JSON.createObjectNode();
        Object plugin = Class.forName(given.get("class").asText()).getDeclaredConstructor().newInstance();
        Map<String, String> config = new HashMap<>();
        given.get("config").properties().forEach(e -> config.put(e.getKey(), e.getValue().asText()));
        try {
            configure(plugin, config, given.has("header"));
        } catch (RuntimeException refused) {
            return answer.put("config", String.valueOf(refused.getMessage()));
        }
        try {
            if (given.has("record")) {
                transform(answer, plugin, given.get("record"));
            } else if (given.has("bytes")) {
                read(answer, plugin, given.get("bytes"), given.has("header"));
            } else {
                write(answer, plugin, data(given.get("data")), given.has("header"));
            }
        } catch (RuntimeException refused) {
            answer.put("error", String.valueOf(refused.getMessage()));
            answer.put("class", refused.getClass().getName());
        }
        return answer;
    }

    private static void configure(Object plugin, Map<String, String> config, boolean isHeader) {
        if (plugin instanceof Transformation<?> transformation) {
            transformation.configure(config);
        } else if (plugin instanceof Converter converter && !isHeader) {
            converter.configure(config, false);
        } else {
            config.put("converter.type", "header");
            ((HeaderConverter) plugin).configure(config);
        }
    }

    @SuppressWarnings("unchecked")
    private static void transform(ObjectNode answer, Object plugin, JsonNode given) {
        SinkRecord outcome = ((Transformation<SinkRecord>) plugin).apply(record(given));
        answer.set("record", outcome == null ? JSON.nullNode() : json(outcome));
    }

    private static void read(ObjectNode answer, Object plugin, JsonNode given, boolean isHeader) {
        byte[] bytes = given.isNull() ? null : Base64.getDecoder().decode(given.asText());
        SchemaAndValue data = isHeader
                ? ((HeaderConverter) plugin).toConnectHeader("topic", "header", bytes)
                : ((Converter) plugin).toConnectData("topic", bytes);
        answer.set("data", json(data.schema(), data.value()));
    }

    private static void write(ObjectNode answer, Object plugin, SchemaAndValue data, boolean isHeader) {
        byte[] bytes = isHeader
                ? ((HeaderConverter) plugin).fromConnectHeader("topic", "header", data.schema(), data.value())
                : ((Converter) plugin).fromConnectData("topic", data.schema(), data.value());
        answer.put("bytes", bytes == null ? null : Base64.getEncoder().encodeToString(bytes));
    }

    private static SinkRecord record(JsonNode json) {
        SchemaAndValue key = data(json.get("key"));
        SchemaAndValue value = data(json.get("value"));
        ConnectHeaders headers = new ConnectHeaders();
        json.get("headers").forEach(h -> headers.add(h.get(0).asText(), data(h.get(1))));
        Long timestamp = json.get("timestamp").isNull() ? null : json.get("timestamp").asLong();
        return new SinkRecord(json.get("topic").asText(), json.get("partition").asInt(),
                key.schema(), key.value(), value.schema(), value.value(),
                json.get("offset").asLong(), timestamp, TimestampType.CREATE_TIME, headers);
    }

    private static ObjectNode json(SinkRecord record) {
        ObjectNode json = JSON.createObjectNode();
        json.put("topic", record.topic());
        json.put("partition", record.kafkaPartition());
        json.put("offset", record.kafkaOffset());
        json.put("timestamp", record.timestamp());
        json.set("key", json(record.keySchema(), record.key()));
        json.set("value", json(record.valueSchema(), record.value()));
        ArrayNode headers = json.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(json(header.schema(), header.value()));
        }
        return json;
    }

    private static SchemaAndValue data(JsonNode json) {
        Schema schema = schema(json.get("schema"));
        return new SchemaAndValue(schema, value(schema, json.get("value")));
    }

    private static ObjectNode json(Schema schema, Object value) {
        ObjectNode json = JSON.createObjectNode();
        json.set("schema", json(schema));
        json.set("value", json(value));
        return json;
    }

    private static Schema schema(JsonNode json) {
        if (json == null || json.isNull()) {
            return null;
        }
        Schema.Type type = Schema.Type.valueOf(json.get("type").asText());
        SchemaBuilder builder = switch (type) {
            case ARRAY -> SchemaBuilder.array(schema(json.get("values")));
            case MAP -> SchemaBuilder.map(schema(json.get("keys")), schema(json.get("values")));
            default -> new SchemaBuilder(type);
        };
        if (json.get("optional").asBoolean()) {
            builder.optional();
        }
        if (json.hasNonNull("name")) {
            builder.name(json.get("name").asText());
        }
        if (json.hasNonNull("version")) {
            builder.version(json.get("version").asInt());
        }
        if (json.hasNonNull("doc")) {
            builder.doc(json.get("doc").asText());
        }
        json.get("parameters").properties()
                .forEach(e -> builder.parameter(e.getKey(), e.getValue().asText()));
        json.get("fields").forEach(f -> builder.field(f.get(0).asText(), schema(f.get(1))));
        if (json.hasNonNull("default")) {
            builder.defaultValue(value(builder, json.get("default")));
        }
        return builder.build();
    }

    private static JsonNode json(Schema schema) {
        if (schema == null) {
            return JSON.nullNode();
        }
        ObjectNode json = JSON.createObjectNode();
        json.put("type", schema.type().name());
        json.put("optional", schema.isOptional());
        json.put("name", schema.name());
        json.put("version", schema.version());
        json.put("doc", schema.doc());
        ObjectNode parameters = json.putObject("parameters");
        if (schema.parameters() != null) {
            new TreeMap<>(schema.parameters()).forEach(parameters::put);
        }
        json.set("default", json(schema.defaultValue()));
        ArrayNode fields = json.putArray("fields");
        if (schema.type() == Schema.Type.STRUCT) {
            for (Field field : schema.fields()) {
                fields.addArray().add(field.name()).add(json(field.schema()));
            }
        }
        boolean isMap = schema.type() == Schema.Type.MAP;
        boolean isArray = schema.type() == Schema.Type.ARRAY;
        json.set("keys", isMap ? json(schema.keySchema()) : JSON.nullNode());
        json.set("values", isMap || isArray ? json(schema.valueSchema()) : JSON.nullNode());
        return json;
    }

    private static Object value(Schema schema, JsonNode json) {
        if (json == null || json.isNull()) {
            return null;
        }
        JsonNode content = json.get(1);
        return switch (json.get(0).asText()) {
            case "boolean" -> content.asBoolean();
            case "int8" -> (byte) content.asInt();
            case "int16" -> (short) content.asInt();
            case "int32" -> content.asInt();
            case "int64" -> content.asLong();
            case "float32" -> Float.parseFloat(content.asText());
            case "float64" -> Double.parseDouble(content.asText());
            case "string" -> content.asText();
            case "bytes" -> Base64.getDecoder().decode(content.asText());
            case "decimal" -> new BigDecimal(content.asText());
            case "instant" -> new Date(content.asLong());
            case "array" -> list(schema, content);
            case "map" -> map(schema, content);
            case "struct" -> struct(schema, content);
            default -> throw new IllegalArgumentException(json.toString());
        };
    }

    private static List<Object> list(Schema schema, JsonNode content) {
        Schema items = schema == null ? null : schema.valueSchema();
        List<Object> list = new ArrayList<>();
        content.forEach(item -> list.add(value(items, item)));
        return list;
    }

    private static Map<Object, Object> map(Schema schema, JsonNode content) {
        Schema keys = schema == null ? null : schema.keySchema();
        Schema values = schema == null ? null : schema.valueSchema();
        Map<Object, Object> map = new LinkedHashMap<>();
        content.forEach(e -> map.put(value(keys, e.get(0)), value(values, e.get(1))));
        return map;
    }

    private static Struct struct(Schema schema, JsonNode content) {
        Struct struct = new Struct(schema);
        for (Field field : schema.fields()) {
            struct.put(field, value(field.schema(), content.get(field.index())));
        }
        return struct;
    }

    private static JsonNode json(Object value) {
        if (value == null) {
            return JSON.nullNode();
        }
        ArrayNode json = JSON.createArrayNode();
        if (value instanceof Boolean flag) {
            json.add("boolean").add(flag);
        } else if (value instanceof Byte number) {
            json.add("int8").add(number.intValue());
        } else if (value instanceof Short number) {
            json.add("int16").add(number.intValue());
        } else if (value instanceof Integer number) {
            json.add("int32").add(number);
        } else if (value instanceof Long number) {
            json.add("int64").add(number);
        } else if (value instanceof Float number) {
            json.add("float32").add(number.toString());
        } else if (value instanceof Double number) {
            json.add("float64").add(number.toString());
        } else if (value instanceof String text) {
            json.add("string").add(text);
        } else if (value instanceof byte[] bytes) {
            json.add("bytes").add(Base64.getEncoder().encodeToString(bytes));
        } else if (value instanceof ByteBuffer buffer) {
            json.add("bytes").add(Base64.getEncoder().encodeToString(buffer.array()));
        } else if (value instanceof BigDecimal number) {
            json.add("decimal").add(number.toString());
        } else if (value instanceof Date date) {
            json.add("instant").add(date.getTime());
        } else {
            nested(json, value);
        }
        return json;
    }

    private static void nested(ArrayNode json, Object value) {
        if (value instanceof List<?> list) {
            ArrayNode items = json.add("array").addArray();
            list.forEach(item -> items.add(json(item)));
        } else if (value instanceof Map<?, ?> map) {
            ArrayNode entries = json.add("map").addArray();
            Map<String, JsonNode> sorted = new TreeMap<>();
            map.forEach((k, v) -> {
                ArrayNode entry = JSON.createArrayNode().add(json(k)).add(json(v));
                sorted.put(json(k).toString(), entry);
            });
            sorted.values().forEach(entries::add);
        } else if (value instanceof Struct struct) {
            ArrayNode values = json.add("struct").addArray();
            for (Field field : struct.schema().fields()) {
                values.add(json(struct.getWithoutDefault(field.name())));
            }
        } else {
            throw new IllegalArgumentException(value.getClass().getName());
        }
    }
}
