import io.apicurio.registry.utils.converter.avro.AvroData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/**
 * What record-path does for Avro, with what Confluent's AvroConverter is made of: Avro's generic
 * reader and writer, and AvroData in the copy that is in Maven Central. The registry's part, a
 * look-up by number for each record, is left out on both sides.
 */
public class AvroPath {
    private static final int DOCUMENTS = 1000;

    static volatile Object sink;

    public static void main(String[] arguments) throws IOException {
        int records = Integer.parseInt(arguments[1]);
        run(records / 4);
        long begun = System.nanoTime();
        long cpu = cpuNanos();
        run(records);
        System.out.printf("{\"records\":%d,\"seconds\":%.3f,\"cpu_seconds\":%.3f}%n",
                records, (System.nanoTime() - begun) / 1e9, (cpuNanos() - cpu) / 1e9);
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    private static Struct line(Schema schema, int number) {
        return new Struct(schema).put("id", (long) number)
                .put("time", String.format("2026-11-21T10:00:00.%03dZ", number % 1000))
                .put("level", "INFO").put("service", "checkout")
                .put("message", String.format("user %d bought item %d \u00e9", number % 77, number % 991))
                .put("duration", number % 50 + 0.5).put("ok", true).put("status", 200);
    }

    private static void run(int records) throws IOException {
        Schema schema = SchemaBuilder.struct().name("Line").field("id", Schema.INT64_SCHEMA)
                .field("time", Schema.STRING_SCHEMA).field("level", Schema.OPTIONAL_STRING_SCHEMA)
                .field("service", Schema.OPTIONAL_STRING_SCHEMA).field("message", Schema.OPTIONAL_STRING_SCHEMA)
                .field("duration", Schema.OPTIONAL_FLOAT64_SCHEMA).field("ok", Schema.OPTIONAL_BOOLEAN_SCHEMA)
                .field("status", Schema.OPTIONAL_INT32_SCHEMA).build();
        AvroData data = new AvroData(1000);
        org.apache.avro.Schema avro = data.fromConnectSchema(schema);
        GenericDatumReader<Object> reader = new GenericDatumReader<>(avro);
        GenericDatumWriter<Object> writer = new GenericDatumWriter<>(avro);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
        List<byte[]> messages = new ArrayList<>();
        for (int number = 0; number < DOCUMENTS; number++) {
            messages.add(written(writer, encoder, out, data.fromConnectData(schema, line(schema, number))));
        }
        BinaryDecoder decoder = null;
        for (int number = 0; number < records; number++) {
            decoder = DecoderFactory.get().binaryDecoder(messages.get(number % DOCUMENTS), decoder);
            SchemaAndValue read = data.toConnectData(avro, reader.read(null, decoder));
            sink = written(writer, encoder, out, data.fromConnectData(read.schema(), read.value()));
        }
    }

    private static byte[] written(
            GenericDatumWriter<Object> writer, BinaryEncoder encoder, ByteArrayOutputStream out, Object datum)
            throws IOException {
        out.reset();
        writer.write(datum, encoder);
        encoder.flush();
        return out.toByteArray();
    }
}
