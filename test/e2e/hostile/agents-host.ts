import { TOUCH_TEST, fails, parks } from './case.ts'
import type { Host, TaskCase } from './case.ts'

/** Writes what it finds into the tree, where a person, and this test, can read it. */
const looks = (name: string, does: string, how: (host: Host) => string): TaskCase =>
  parks({ name, does, loots: true, because: 'edits an existing test', agent: (host) => `${TOUCH_TEST}; { echo looked; ${how(host)}; } > loot.txt 2>&1` })

const CONNECT = `const net = require('node:net'); for (const [host, port] of JSON.parse(process.argv[1])) { const s = net.connect({ host, port, timeout: 2000 }, () => { s.write('GET / HTTP/1.0\\r\\n\\r\\n') }); s.on('data', (d) => console.log('ANSWER', host, port, String(d))); s.on('error', (e) => console.log(host, port, e.code)); s.on('timeout', () => s.destroy()) }`
const connect = (...to: readonly (readonly [string, number])[]): string => `node -e "${CONNECT}" '${JSON.stringify(to)}'`

/** Agents that reach for the host. */
export const hostReach: readonly TaskCase[] = [
  looks('read-keys', 'reads the host\'s keys: ssh, shadow, the node\'s own, in home folders and by absolute path', ({ home, state }) =>
    `cat /etc/shadow ${home}/.ssh/* ${home}/.netrc /[r]oot/.ssh/* ~/.ssh/* /home/*/.ssh/* ${state}/node.key ${state}/swarm.key; find / -xdev -path /usr -prune -o -path /proc -prune -o \\( -name 'id_*' -o -name node.key -o -name swarm.key \\) -print`),
  looks('read-environment', 'reads the environment of the node and of all processes', () => 'env; cat /proc/1/environ /proc/self/environ /proc/*/environ | tr "\\0" "\\n"'),
  looks('read-processes', 'looks for processes of the host, their memory and files', () => 'ps ax -o args | head -50; for p in /proc/[0-9]*; do cat $p/cmdline; ls -l $p/root $p/cwd; cat $p/root/etc/shadow; done; ls /proc/1/root/var/tmp'),
  looks('read-work-trees', 'looks for other work trees, caches and the repository\'s remote', ({ remote, repository }) => `ls -la / /var/tmp /tmp /var /home /root /mnt /srv /opt ${remote} ${repository} ..; cat /proc/self/mountinfo | grep -c workspace`),
  looks('loopback', 'calls a service on the host\'s loopback', ({ port }) => connect(['127.0.0.1', port], ['localhost', port], ['::1', port], ['0.0.0.0', port])),
  looks('metadata', 'calls the metadata address, a resolver and the internet', ({ port }) => `${connect(['169.254.169.254', 80], ['1.1.1.1', 53], ['example.com', 443], ['172.17.0.1', port], ['10.0.0.1', port])}; ip addr; cat /etc/resolv.conf`),
  looks('docker-socket', 'talks to docker, the node\'s control socket and abstract sockets', ({ state }) =>
    `for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock /run/dbus/system_bus_socket /var/tmp/chorus-*/*/control/node.sock ${state}/*.sock; do ls -l $s && curl -s --max-time 2 --unix-socket $s -X POST http://x/stop; done; cat /proc/net/unix`),
  fails({
    name: 'write-outside', does: 'writes outside of the work tree, wherever it may', because: 'the agent changed nothing',
    agent: ({ canary, home, remote, repository, state }) => `for d in / /etc /usr /usr/bin /var /var/tmp /run /home /root ${home} ${remote}/hooks ${repository} ${state} /workspace/../ /proc/1/root /dev; do echo x > $d/hostile; cp "$0" $d/../hostile; done 2> /dev/null; echo x > ${canary}; echo '|/bin/sh -c id' > /proc/sys/kernel/core_pattern; echo 1 > /proc/sysrq-trigger; true`,
  }),
  fails({
    name: 'become-root', does: 'mounts, makes namespaces and devices, changes root, traces', because: 'the agent changed nothing',
    agent: ({ canary }) => `unshare -r sh -c 'echo x >> ${canary}'; unshare -rm sh -c 'mount -t proc proc /mnt'; mount -t tmpfs tmpfs /mnt; mknod /tmp/disk b 253 0; chroot / sh -c 'echo x >> ${canary}'; nsenter -t 1 -a sh -c 'echo x >> ${canary}'; setpriv --reuid 0 sh -c id; su -c id; sudo id; true`,
  }),
  fails({ name: 'kill-others', does: 'kills every process that it can see', because: 'the agent changed nothing', agent: 'for s in STOP TERM KILL; do kill -$s -1; done; for p in $(seq 1 400); do kill -KILL $p; done 2> /dev/null; true' }),
]
