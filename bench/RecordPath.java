import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Cast;
import org.apache.kafka.connect.transforms.InsertField;
import org.apache.kafka.connect.transforms.MaskField;
import org.apache.kafka.connect.transforms.RegexRouter;
import org.apache.kafka.connect.transforms.ReplaceField;
import org.apache.kafka.connect.transforms.Transformation;

/** What record-path does, with Kafka Connect's own classes: RecordPath CASE RECORDS. */
public class RecordPath {
    private static final int DOCUMENTS = 1000;
    private static final String SCHEMA = "{\"type\":\"struct\",\"optional\":false,\"name\":\"Line\",\"fields\":["
            + "{\"type\":\"int64\",\"optional\":false,\"field\":\"id\"},"
            + "{\"type\":\"string\",\"optional\":false,\"field\":\"time\"},"
            + "{\"type\":\"string\",\"optional\":true,\"field\":\"level\"},"
            + "{\"type\":\"string\",\"optional\":true,\"field\":\"service\"},"
            + "{\"type\":\"string\",\"optional\":true,\"field\":\"message\"},"
            + "{\"type\":\"double\",\"optional\":true,\"field\":\"duration\"},"
            + "{\"type\":\"boolean\",\"optional\":true,\"field\":\"ok\"},"
            + "{\"type\":\"int32\",\"optional\":true,\"field\":\"status\"}]}";

    static volatile Object sink;

    public static void main(String[] arguments) {
        String name = arguments[0];
        int records = Integer.parseInt(arguments[1]);
        run(name, records / 4);
        long begun = System.nanoTime();
        long cpu = cpuNanos();
        run(name, records);
        System.out.printf("{\"records\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f}%n",
                records, (System.nanoTime() - begun) / 1e9, (cpuNanos() - cpu) / 1e9);
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    private static String payload(int number) {
        return String.format("{\"id\":%d,\"time\":\"2026-11-21T10:00:00.%03dZ\",\"level\":\"INFO\","
                + "\"service\":\"checkout\",\"message\":\"user %d bought item %d \u00e9\",\"duration\":%d.5,"
                + "\"ok\":true,\"status\":200}", number, number % 1000, number % 77, number % 991, number % 50);
    }

    private static List<byte[]> documents(String name) {
        List<byte[]> documents = new ArrayList<>();
        for (int number = 0; number < DOCUMENTS; number++) {
            String text = name.equals("json")
                    ? payload(number)
                    : "{\"schema\":" + SCHEMA + ",\"payload\":" + payload(number) + "}";
            documents.add(text.getBytes(StandardCharsets.UTF_8));
        }
        return documents;
    }

    private static JsonConverter converter(boolean hasSchemas) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", hasSchemas), false);
        return converter;
    }

    private static void run(String name, int records) {
        if (name.equals("transforms")) {
            transform(records);
            return;
        }
        JsonConverter converter = converter(name.equals("json-schema"));
        List<byte[]> documents = documents(name);
        for (int number = 0; number < records; number++) {
            SchemaAndValue data = converter.toConnectData("topic", documents.get(number % DOCUMENTS));
            sink = converter.fromConnectData("topic", data.schema(), data.value());
        }
    }

    private static void transform(int records) {
        JsonConverter converter = converter(true);
        List<SchemaAndValue> data = new ArrayList<>();
        documents("json-schema").forEach(d -> data.add(converter.toConnectData("lines-raw", d)));
        List<Transformation<SinkRecord>> chain = List.of(
                with(new InsertField.Value<>(), Map.of("static.field", "site", "static.value", "berlin")),
                with(new ReplaceField.Value<>(), Map.of("exclude", "ok", "renames", "level:severity")),
                with(new Cast.Value<>(), Map.of("spec", "status:string,duration:float32")),
                with(new MaskField.Value<>(), Map.of("fields", "message", "replacement", "hidden")),
                with(new RegexRouter<>(), Map.of("regex", "(.*)-raw", "replacement", "$1-clean")));
        for (int number = 0; number < records; number++) {
            SchemaAndValue value = data.get(number % DOCUMENTS);
            SinkRecord record = new SinkRecord("lines-raw", 0, null, null, value.schema(), value.value(), 0);
            for (Transformation<SinkRecord> transformation : chain) {
                record = transformation.apply(record);
            }
            if (!record.topic().equals("lines-clean")) {
                throw new IllegalStateException("the record was not routed");
            }
            sink = record;
        }
    }

    private static Transformation<SinkRecord> with(
            Transformation<SinkRecord> transformation, Map<String, ?> config) {
        transformation.configure(config);
        return transformation;
    }
}
