import { GitServer } from './git-server.ts'

// The drill's git server, started by startGitServer: a small program, since a big one is slow to start others. It ends
// when its standard input does, so that it never outlives the drill.
const [, , root = '.', host = '127.0.0.1'] = process.argv
const server = new GitServer(root)
process.stdout.write(`${JSON.stringify({ port: await server.start(host, 0) })}\n`)
await new Promise<void>((resolve) => { process.stdin.resume().once('end', resolve).once('close', resolve) })
server.stop()
