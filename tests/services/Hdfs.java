// HDFS in one process: a name node and a data node, on ports that the caller has chosen.
//
//   java -cp LIBRARIES Hdfs.java DIR TOKEN NN_RPC NN_HTTP DN_DATA DN_IPC DN_HTTP
//
// TOKEN becomes the name of a folder at the root, so that the caller can tell its own server from a
// stranger. The tree is open to a folder /open; everything else belongs to who started this.

import java.io.File;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.MiniDFSCluster;

public class Hdfs {
    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.set("hdfs.minidfs.basedir", new File(args[0]).getAbsolutePath());
        conf.set("dfs.datanode.address", "127.0.0.1:" + args[4]);
        conf.set("dfs.datanode.ipc.address", "127.0.0.1:" + args[5]);
        conf.set("dfs.datanode.http.address", "127.0.0.1:" + args[6]);
        conf.set("dfs.datanode.hostname", "127.0.0.1");
        boolean isNew = !new File(args[0], "name-0-1/current/VERSION").exists();
        MiniDFSCluster cluster = new MiniDFSCluster.Builder(conf)
                .numDataNodes(1)
                .format(isNew)
                .nameNodePort(Integer.parseInt(args[2]))
                .nameNodeHttpPort(Integer.parseInt(args[3]))
                .checkDataNodeAddrConfig(true)
                .manageDataDfsDirs(true)
                .manageNameDfsDirs(true)
                .build();
        cluster.waitActive();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> cluster.shutdown(false)));
        Path open = new Path("/open");
        cluster.getFileSystem().mkdirs(open);
        cluster.getFileSystem().setPermission(open, new FsPermission((short) 0777));
        // The last step: who sees it knows that the data node is in.
        cluster.getFileSystem().mkdirs(new Path("/" + args[1]));
        Thread.sleep(Long.MAX_VALUE);
    }
}
