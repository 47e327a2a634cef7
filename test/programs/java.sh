#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# Java with sockets and threads.
. "$(dirname "$0")/lib.bash"
needs java javac
cat >Work.java <<'P'
import java.io.*;
import java.net.*;

public class Work {
	static void serve(ServerSocket server) {
		try (Socket s = server.accept()) {
			BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
			for (String line; (line = in.readLine()) != null; )
				s.getOutputStream().write((line + "\n").getBytes());
		} catch (IOException e) {
			System.out.println(e);
		}
	}
	public static void main(String[] args) throws Exception {
		ServerSocket server = new ServerSocket(7006);
		new Thread(() -> serve(server)).start();
		Socket s = new Socket("127.0.0.1", 7006);
		BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
		for (int n = 1; !new File("end").exists(); n++) {
			s.getOutputStream().write((n + "\n").getBytes());
			if (Integer.parseInt(in.readLine()) != n)
				System.out.println("wrong");
			System.out.println(n);
			Thread.sleep(1);
		}
		s.close();
	}
}
P
javac Work.java || { echo "not ok - java: not compiled"; exit 1; }
counts java -cp . Work
