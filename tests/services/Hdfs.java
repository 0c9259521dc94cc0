// HDFS in one process: name nodes and data nodes, of which the former have ports that the caller has
// chosen, so that they are where they were when the process is started again.
//
//   java -cp LIBRARIES Hdfs.java DIR TOKEN ORDERS DATA_NODES NN_RPC NN_HTTP [NN_RPC NN_HTTP]
//
// TOKEN becomes the name of a folder at the root, so that the caller can tell its own server from a
// stranger. The tree is open to a folder /open; everything else belongs to who started this. Of two
// name nodes the first is active. The port ORDERS takes orders of the form GET /WORD/ARGUMENT: see obey().

import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.FileNotFoundException;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.BlockLocation;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;
import org.apache.hadoop.hdfs.protocol.Block;
import org.apache.hadoop.hdfs.server.blockmanagement.BlockInfo;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.datanode.DataNodeFaultInjector;
import org.apache.hadoop.hdfs.server.datanode.fsdataset.FsVolumeSpi;
import org.apache.hadoop.hdfs.server.datanode.fsdataset.impl.FsVolumeImpl;
import org.apache.hadoop.hdfs.server.namenode.FSNamesystem;

public class Hdfs {
    static final String SERVICE = "cluster";
    static MiniDFSCluster cluster;
    /** The data node that was ended. */
    static MiniDFSCluster.DataNodeProperties ended;

    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.set("hdfs.minidfs.basedir", new File(args[0]).getAbsolutePath());
        conf.set("dfs.datanode.hostname", "127.0.0.1");
        // One copy more than is needed to go on.
        conf.setInt("dfs.replication", 2);
        // The name node is soon told how much room there is.
        conf.setInt("dfs.heartbeat.interval", 1);
        // A data node that meets no active name node looks again soon.
        conf.setInt("dfs.client.failover.sleep.max.millis", 1000);
        // Nobody looks long for one that is gone.
        conf.setInt("ipc.client.connect.max.retries", 1);
        boolean hasTwo = args.length > 6;
        if (hasTwo) {
            conf.set("fs.defaultFS", "hdfs://" + SERVICE);
        }
        // Blocks that lost a copy soon have another, also when it was to come from a node that is gone.
        conf.setInt("dfs.namenode.redundancy.interval.seconds", 1);
        conf.setInt("dfs.namenode.reconstruction.pending.timeout-sec", 2);
        // Data nodes find the active name node by the name of the service.
        conf.set("dfs.client.failover.proxy.provider." + SERVICE,
                "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider");
        cluster = new MiniDFSCluster.Builder(conf)
                .numDataNodes(Integer.parseInt(args[3]))
                .format(!new File(args[0], "name-0-1/current/VERSION").exists())
                .nnTopology(topology(args))
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> cluster.shutdown(false)));
        if (hasTwo) {
            cluster.transitionToActive(0);
        }
        cluster.waitActive(0);
        takeOrders(Integer.parseInt(args[2]));
        FileSystem files = cluster.getFileSystem(0);
        Path open = new Path("/open");
        files.mkdirs(open);
        files.setPermission(open, new FsPermission((short) 0777));
        // The last step: who sees it knows that the data nodes are in.
        files.mkdirs(new Path("/" + args[1]));
        Thread.sleep(Long.MAX_VALUE);
    }

    static MiniDFSNNTopology topology(String[] args) {
        if (args.length <= 6) {
            return MiniDFSNNTopology.simpleSingleNN(Integer.parseInt(args[4]), Integer.parseInt(args[5]));
        }
        MiniDFSNNTopology.NSConf service = new MiniDFSNNTopology.NSConf(SERVICE);
        for (int at = 4; at < args.length; at += 2) {
            service.addNN(new MiniDFSNNTopology.NNConf("nn" + at)
                    .setIpcPort(Integer.parseInt(args[at]))
                    .setHttpPort(Integer.parseInt(args[at + 1])));
        }
        return new MiniDFSNNTopology().addNameservice(service);
    }

    static void takeOrders(int port) throws Exception {
        HttpServer orders = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        orders.createContext("/", exchange -> {
            String[] words = exchange.getRequestURI().getPath().substring(1).split("/");
            String told = "done";
            try {
                obey(words[0], words[1]);
            } catch (Exception error) {
                error.printStackTrace();
                told = error.toString();
            }
            exchange.sendResponseHeaders(200, told.length());
            exchange.getResponseBody().write(told.getBytes());
            exchange.close();
        });
        orders.start();
    }

    static void obey(String word, String argument) throws Exception {
        switch (word) {
            // Makes a name node the active one, and the other wait if it is there.
            case "activate" -> {
                int active = Integer.parseInt(argument);
                if (cluster.isNameNodeUp(1 - active)) {
                    cluster.transitionToStandby(1 - active);
                }
                cluster.transitionToActive(active);
            }
            case "end-name-node" -> cluster.shutdownNameNode(Integer.parseInt(argument));
            // Ends a data node in the middle of a write: the "first" or the "last" of the pipeline, with a
            // part of the file's path behind it.
            case "end-data-node" ->
                endWriter(argument.startsWith("last"), argument.replaceFirst("^(first|last)", ""));
            case "begin-data-node" -> beginAgain();
            // Gives the disks of all data nodes so many bytes; -1 is what they have.
            case "room" -> {
                for (DataNode node : cluster.getDataNodes()) {
                    try (var volumes = node.getFSDataset().getFsVolumeReferences()) {
                        for (FsVolumeSpi volume : volumes) {
                            ((FsVolumeImpl) volume).setCapacityForTesting(Long.parseLong(argument));
                        }
                    }
                }
                cluster.triggerHeartbeats();
            }
            default -> throw new IllegalArgumentException(word);
        }
    }

    /** Begins the data node that was ended, and waits until no block is on one node only. */
    static void beginAgain() throws Exception {
        cluster.restartDataNode(ended);
        cluster.waitActive();
        // Only then the name node knows what the data node has not kept.
        cluster.triggerBlockReports();
        while (!isEverywhereTwice()) {
            Thread.sleep(50);
        }
    }

    /**
     * Whether the next node may be ended. What the name node counts as low redundancy leaves out files that
     * are being appended to, and these may have been on one node since the other was ended.
     */
    static boolean isEverywhereTwice() throws Exception {
        try {
            RemoteIterator<LocatedFileStatus> files = cluster.getFileSystem(0).listFiles(new Path("/open"), true);
            while (files.hasNext()) {
                for (BlockLocation block : files.next().getBlockLocations()) {
                    if (block.getNames().length < 2) {
                        return false;
                    }
                }
            }
            return true;
        } catch (FileNotFoundException moved) {
            return false;
        }
    }

    /** The pool and the number of the block that a thread of this name writes. */
    static Matcher block(String thread) {
        Matcher block = Pattern.compile("block ([^:]+):blk_(\\d+)").matcher(thread);
        block.find();
        return block;
    }

    static String pathOf(Matcher block) {
        FSNamesystem files = cluster.getNamesystem();
        BlockInfo known = files.getBlockManager().getStoredBlock(new Block(Long.parseLong(block.group(2))));
        return files.getBlockCollection(known.getBlockCollectionId()).getName();
    }

    /** Has the next write of two data nodes wait between the two until one of them is gone. */
    static void endWriter(boolean isLast, String part) throws Exception {
        CompletableFuture<String[]> write = new CompletableFuture<>();
        CountDownLatch isGone = new CountDownLatch(1);
        DataNodeFaultInjector.set(new DataNodeFaultInjector() {
            @Override
            public void stopSendingPacketDownstream(String to) {
                String name = Thread.currentThread().getName();
                if (pathOf(block(name)).contains(part) && write.complete(new String[] {name, to})) {
                    try {
                        isGone.await();
                    } catch (InterruptedException ending) {
                        Thread.currentThread().interrupt();
                    }
                }
            }
        });
        String[] found = write.get();
        Matcher block = block(found[0]);
        for (DataNode node : cluster.getDataNodes()) {
            boolean hasBlock = node.getFSDataset()
                    .getStoredBlock(block.group(1), Long.parseLong(block.group(2))) != null;
            String name = node.getDatanodeId().getXferAddr();
            if (hasBlock && name.equals(found[1]) == isLast) {
                ended = cluster.stopDataNode(name);
                break;
            }
        }
        DataNodeFaultInjector.set(new DataNodeFaultInjector());
        isGone.countDown();
    }
}
