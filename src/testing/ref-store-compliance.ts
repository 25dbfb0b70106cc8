import { afterEach, describe, expect, test } from 'vitest'
import { ChorusError, COMMIT_MESSAGE_BYTES_MAX, refName } from '../core/mod.ts'
import type { Oid, RefName } from '../core/mod.ts'
import type { RefStore } from '../ports/mod.ts'

/** One remote, made for one test, and what the suite needs to treat it badly. */
export interface RefStoreBench {
  /** A store of another node on the same remote; nothing shared but the remote. */
  open(): Promise<RefStore>
  /** Writes an object on the remote and points the ref to it, past all rules. `parents` exist on the remote. */
  plant(ref: RefName, object: PlantedObject): Promise<Oid>
  /** From now on the remote does not answer. */
  cut(): Promise<void>
  dispose(): Promise<void>
}

export type PlantedObject =
  | { readonly type: 'blob'; readonly content: string }
  | { readonly type: 'commit'; readonly parents: readonly Oid[]; readonly message: string }

const ref = (leaf: string): RefName => refName(`refs/chorus/claims/${leaf}`)
const draft = (message: string, parent: Oid | null = null) => ({ parent, message, atSeconds: 1_700_000_000 })

/** What every `RefStore` holds to. Run it against each adapter and each transport. */
export const describeRefStore = (name: string, makeBench: () => Promise<RefStoreBench>): void => {
  describe(`${name} as a ref store`, () => {
    const benches: RefStoreBench[] = []
    const bench = async (): Promise<RefStoreBench> => {
      const made = await makeBench()
      benches.push(made)
      return made
    }
    afterEach(async () => { for (const made of benches.splice(0)) await made.dispose() })

    const kind = async (store: RefStore, name: RefName, from: Oid | null, to: Oid | null): Promise<string | undefined> =>
      (await store.push([{ ref: name, from, to }], { atomic: false })).get(name)?.kind

    test('create() makes the same object from the same draft, in every store', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      const id = await one.create(draft('a\n\nbody'))
      expect(await two.create(draft('a\n\nbody'))).toBe(id)
      expect(await one.create(draft('b\n\nbody'))).not.toBe(id)
      expect(id).toMatch(/^[0-9a-f]{40}$/)
    })

    test('create() refuses a message over 16 KiB or with NUL', async () => {
      const store = await (await bench()).open()
      await expect(store.create(draft('x'.repeat(COMMIT_MESSAGE_BYTES_MAX + 1)))).rejects.toThrow()
      await expect(store.create(draft('a\0b'))).rejects.toThrow()
      await expect(store.create(draft('x'.repeat(COMMIT_MESSAGE_BYTES_MAX)))).resolves.toMatch(/^[0-9a-f]{40}$/)
    })

    test('a new ref is accepted once and then seen by all', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      const mine = await one.create(draft('mine'))
      expect(await kind(one, ref('1'), null, mine)).toBe('accepted')
      expect(await kind(two, ref('1'), null, await two.create(draft('theirs')))).toBe('refused')
      expect([...await two.tips('refs/chorus/claims/')]).toEqual([[ref('1'), mine]])
    })

    test('pushing the same object again is refused: another may have pushed it', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      const [mine, same] = [await one.create(draft('same')), await two.create(draft('same'))]
      expect(same).toBe(mine)
      expect(await kind(one, ref('1'), null, mine)).toBe('accepted')
      expect(await kind(two, ref('1'), null, same)).toBe('refused')
      expect(await kind(one, ref('1'), null, mine)).toBe('refused')
    })

    test('a move from a stale oid is refused, the move from the tip is accepted', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      const first = await one.create(draft('first'))
      await kind(one, ref('1'), null, first)
      await two.history(ref('1'), first, { limit: 1 })
      const second = await two.create(draft('second', first))
      expect(await kind(two, ref('1'), first, second)).toBe('accepted')
      expect(await kind(one, ref('1'), first, await one.create(draft('zombie', first)))).toBe('refused')
      expect((await one.tips(ref('1'))).get(ref('1'))).toBe(second)
    })

    test('a push that is not atomic is judged ref by ref', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      await kind(two, ref('2'), null, await two.create(draft('theirs')))
      const ids = await Promise.all(['1', '2', '3'].map((leaf) => one.create(draft(`mine ${leaf}`))))
      const answers = await one.push(ids.map((to, index) => ({ ref: ref(String(index + 1)), from: null, to })), { atomic: false })
      expect(['1', '2', '3'].map((leaf) => answers.get(ref(leaf))?.kind)).toEqual(['accepted', 'refused', 'accepted'])
      const tips = await two.tips('refs/chorus/claims/')
      expect([tips.get(ref('1')), tips.get(ref('3'))]).toEqual([ids[0], ids[2]])
    })

    test('an atomic push moves all refs or none', async () => {
      const remote = await bench()
      const [one, two] = [await remote.open(), await remote.open()]
      const theirs = await two.create(draft('theirs'))
      await kind(two, ref('2'), null, theirs)
      const ids = await Promise.all(['1', '2'].map((leaf) => one.create(draft(`mine ${leaf}`))))
      const updates = ids.map((to, index) => ({ ref: ref(String(index + 1)), from: null, to }))
      const answers = await one.push(updates, { atomic: true })
      expect([...answers.values()].map((answer) => answer.kind)).toEqual(['refused', 'refused'])
      expect([...await two.tips('refs/chorus/claims/')]).toEqual([[ref('2'), theirs]])
      const fresh = await one.push([updates[0]!, { ref: ref('3'), from: null, to: ids[1]! }], { atomic: true })
      expect([...fresh.values()].map((answer) => answer.kind)).toEqual(['accepted', 'accepted'])
    })

    test('a delivery of claim and branch by a superseded holder is refused whole', async () => {
      const remote = await bench()
      const [zombie, taker] = [await remote.open(), await remote.open()]
      const held = await zombie.create(draft('held'))
      await kind(zombie, ref('1'), null, held)
      await taker.history(ref('1'), held, { limit: 1 })
      await kind(taker, ref('1'), held, await taker.create(draft('taken over', held)))
      const branch = refName('refs/heads/chorus/1')
      const work = await zombie.create(draft('work'))
      const answers = await zombie.push(
        [{ ref: ref('1'), from: held, to: await zombie.create(draft('delivered', held)) }, { ref: branch, from: null, to: work }], { atomic: true })
      expect([...answers.values()].map((answer) => answer.kind)).toEqual(['refused', 'refused'])
      expect((await taker.tips(branch)).size).toBe(0)
    })

    test('a delete is guarded by the oid that was seen', async () => {
      const remote = await bench()
      const store = await remote.open()
      const first = await store.create(draft('first'))
      await kind(store, ref('1'), null, first)
      const second = await store.create(draft('second', first))
      await kind(store, ref('1'), first, second)
      expect(await kind(store, ref('1'), first, null)).toBe('refused')
      expect((await store.tips(ref('1'))).get(ref('1'))).toBe(second)
      expect(await kind(store, ref('1'), second, null)).toBe('accepted')
      expect((await store.tips(ref('1'))).size).toBe(0)
    })

    test('tips() names only refs that start with the prefix', async () => {
      const store = await (await bench()).open()
      const id = await store.create(draft('x'))
      for (const name of [ref('1'), ref('12'), refName('refs/chorus/ended')]) expect(await kind(store, name, null, id)).toBe('accepted')
      expect([...(await store.tips('refs/chorus/claims/')).keys()].sort()).toEqual([ref('1'), ref('12')])
      expect([...(await store.tips('refs/chorus/')).keys()]).toHaveLength(3)
      expect((await store.tips('refs/chorus/nothing/')).size).toBe(0)
    })

    test('history() gives newest first, at most `limit`, and stops before `until`', async () => {
      const remote = await bench()
      const [writer, reader] = [await remote.open(), await remote.open()]
      const ids: Oid[] = []
      for (const message of ['one', 'two\n\nbody é', 'three']) {
        const id = await writer.create(draft(message, ids.at(-1) ?? null))
        await kind(writer, ref('1'), ids.at(-1) ?? null, id)
        ids.push(id)
      }
      const [first, second, third] = ids as [Oid, Oid, Oid]
      expect(await reader.history(ref('1'), third, { limit: 10 })).toEqual({
        ok: true,
        value: [{ oid: third, parent: second, message: 'three' }, { oid: second, parent: first, message: 'two\n\nbody é' }, { oid: first, parent: null, message: 'one' }],
      })
      const oids = async (options: { limit: number; until?: Oid }): Promise<readonly Oid[]> => {
        const history = await reader.history(ref('1'), third, options)
        return history.ok ? history.value.map((record) => record.oid) : []
      }
      expect(await oids({ limit: 2 })).toEqual([third, second])
      expect(await oids({ limit: 10, until: first })).toEqual([third, second])
      expect(await oids({ limit: 10, until: third })).toEqual([])
    })

    test('history() refuses a tip that is no commit, has two parents, or a huge message', async () => {
      const remote = await bench()
      const store = await remote.open()
      const root = await remote.plant(ref('1'), { type: 'commit', parents: [], message: 'root' })
      const other = await remote.plant(ref('2'), { type: 'commit', parents: [], message: 'other' })
      const bad = [
        await remote.plant(ref('3'), { type: 'blob', content: 'junk' }),
        await remote.plant(ref('4'), { type: 'commit', parents: [root, other], message: 'merge' }),
        await remote.plant(ref('5'), { type: 'commit', parents: [root], message: 'x'.repeat(COMMIT_MESSAGE_BYTES_MAX + 1) }),
      ]
      for (const [index, id] of bad.entries()) {
        const history = await store.history(ref(String(index + 3)), id, { limit: 4 })
        expect(history.ok ? history.value : history.reason).toEqual(expect.any(String))
      }
      expect((await store.history(ref('1'), root, { limit: 4 })).ok).toBe(true)
    })

    test('of two stores that race for the same refs, each ref has exactly one winner', async () => {
      const remote = await bench()
      const stores = [await remote.open(), await remote.open()]
      const leaves = ['1', '2', '3', '4', '5', '6']
      const race = async (store: RefStore, who: string): Promise<Map<string, Oid>> => {
        const won = new Map<string, Oid>()
        for (const leaf of leaves) {
          const id = await store.create(draft(`${who} ${leaf}`))
          if (await kind(store, ref(leaf), null, id) === 'accepted') won.set(leaf, id)
        }
        return won
      }
      const wins = await Promise.all(stores.map((store, index) => race(store, `racer ${index}`)))
      const tips = await stores[0]!.tips('refs/chorus/claims/')
      for (const leaf of leaves) {
        const winners = wins.filter((won) => won.has(leaf))
        expect(winners).toHaveLength(1)
        expect(winners[0]?.get(leaf)).toBe(tips.get(ref(leaf)))
      }
    })

    test('a remote that does not answer is unclear to a push, and a retryable failure to a read', async () => {
      const remote = await bench()
      const store = await remote.open()
      const id = await store.create(draft('x'))
      await remote.cut()
      expect(await kind(store, ref('1'), null, id)).toBe('unclear')
      const read = await store.tips('refs/chorus/').then(() => undefined, (thrown: unknown) => thrown)
      expect(read).toBeInstanceOf(ChorusError)
      expect(read).toMatchObject({ code: 'REMOTE_UNAVAILABLE', retryable: true })
    })
  })
}
