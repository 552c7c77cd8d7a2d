/**
 * What every driver promises, whatever wire it speaks: one suite, run against each body of `Driver`. A
 * rig brings a driver, the blade that it drives, and hands on the BMC to silence, slow and break it.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type BladeStep, type Driver, Fault, type Owns } from '../../agent/controller/hardware/driver.ts'
import type { Id, Iqn, Mac, Serial, Uuid, Wwn } from '../../agent/core/addresses.ts'
import {
  type Bay,
  type Blade,
  canonical,
  type FunctionKey,
  type FunctionValue,
  type FunctionWrite,
  functionsOf,
  isBare,
  type SystemBoot,
} from '../../agent/core/blade.ts'

export interface Rig {
  readonly bay: Bay
  readonly driver: Driver
  /** Secrets that `secret` resolves, by name. */
  readonly secrets: { readonly [id: string]: string }
  /** A second driver on the same BMC: another controller's, or one with a wrong password. `owner` reads its owner line. */
  another(as: 'same' | 'wrong-password', owner?: Owns): Driver
  /** The blade as it is, whatever anybody reads. Off at the start, with two network functions at least. */
  truth(): Blade
  /** A function that can take this role; the two are different ones. */
  functionFor(role: 'iscsi' | 'fcoe'): FunctionKey
  /** Secrets that reached the adapter, in the order in which they did. */
  writtenSecrets(): readonly string[]
  readonly bmc: {
    /** It takes requests and answers none. */
    silence(): void
    speak(): void
    /** Resolves when it is next asked something. */
    asked(): Promise<void>
    /** The next change is taken, and done only when released; its session's end ends it. It may never be answered. */
    holdNextChange(): { readonly arrived: Promise<void>; release(): void }
    /** The next change is answered only when released, and is done by then. */
    slowNextChange(): { readonly arrived: Promise<void>; release(): void }
    /** Answers that no driver can make sense of. */
    garble(): void
    endSessions(): void
    /** Others take every session that is left. */
    occupySessions(): void
    sessions(): number
    /** What the blade is doing comes to its end: POST, or the shutdown of its system. */
    settle(): void
    /** It speaks for another blade from now on. */
    speakForAnother(): void
  }
  /** Every wait that a driver of this rig has runs out now. */
  timeOut(): void
  close(): Promise<void>
}

const calm = (): AbortSignal => new AbortController().signal

async function fault(promise: Promise<unknown>): Promise<Fault> {
  const outcome = await promise.then(
    () => 'no fault',
    (error: unknown) => error,
  )
  if (outcome instanceof Fault) return outcome
  throw new Error(`expected a Fault, got ${String(outcome)}`)
}

export function driverConformance(name: string, makeRig: () => Promise<Rig>): void {
  describe(`${name} as a driver`, () => {
    let rig: Rig
    let nic: FunctionKey
    let other: FunctionKey
    beforeEach(async () => {
      rig = await makeRig()
      const nics = functionsOf(rig.truth()).filter((fn) => fn.factory.role === 'nic')
      if (nics.length < 2) throw new Error('the rig has no two network functions')
      nic = nics[0]?.key ?? ''
      other = nics[1]?.key ?? ''
    })
    afterEach(() => rig.close())

    const observe = () => rig.driver.observe(rig.bay, calm())
    type Bayless<Step> = Step extends BladeStep ? Omit<Step, 'bay'> : never
    const apply = (step: Bayless<BladeStep>, driver = rig.driver) =>
      driver.apply({ ...step, bay: rig.bay } as BladeStep, calm())
    const profile = 'web-1' as Id<'Profile'>
    const mac = '00:17:a4:77:00:02' as Mac
    const writeAll = (functions: readonly FunctionWrite[], secrets: readonly string[] = []) =>
      apply({ kind: 'write', profile, functions, secrets })
    const write = (key: FunctionKey, value: FunctionValue) => writeAll([{ key, value }])
    const at = (blade: Blade, key: FunctionKey) => {
      const found = functionsOf(blade).find((fn) => fn.key === key)
      if (found === undefined) throw new Error(`no ${key}`)
      return found
    }

    it('sees the blade as it is', async () => {
      expect(canonical(await observe())).toBe(canonical(rig.truth()))
    })

    it('writes values that wait for the next POST, and sees them waiting and then in use', async () => {
      await observe()
      const value: FunctionValue = {
        role: 'nic',
        mac,
        vlan: 42,
        bandwidth: { minMbps: 300, maxMbps: 10_000 },
        boot: { via: 'pxe' },
      }
      await write(nic, value)
      const waiting = at(await observe(), nic)
      expect(waiting.pending).toEqual(value)
      expect(waiting.applied).toEqual(waiting.factory)
      await apply({ kind: 'power', action: 'on' })
      expect(await observe()).toMatchObject({ power: 'on', stage: 'post', boots: 1 })
      rig.bmc.settle()
      const seen = await observe()
      expect(seen.stage).toBe('os')
      expect(at(seen, nic)).toEqual({ key: nic, factory: waiting.factory, applied: value })
    })

    it('writes several functions at once, each in its role, with targets of 64-bit LUNs', async () => {
      await observe()
      const wwpn = '50:06:0b:00:00:c2:62:00' as Wwn
      const wwnn = '50:06:0b:00:00:c2:62:01' as Wwn
      const fcoe: FunctionValue = {
        role: 'fcoe',
        mac,
        wwpn,
        wwnn,
        boot: { via: 'fcoe', targets: [{ wwpn: '50:06:0b:00:00:c2:70:00' as Wwn, lun: 'fedcba9876543210' }] },
      }
      const iscsi: FunctionValue = {
        role: 'iscsi',
        mac: '00:17:a4:77:00:04' as Mac,
        iqn: 'iqn.2026-01.org.example:web-1' as Iqn,
        boot: {
          via: 'iscsi',
          targets: [
            {
              iqn: 'iqn.2026-01.org.example:disk' as Iqn,
              address: '192.0.2.9',
              tcpPort: 3260,
              lun: 'fedcba9876543210',
            },
          ],
          network: { by: 'static', address: '192.0.2.10', netmask: '255.255.255.0' },
        },
      }
      await writeAll([
        { key: rig.functionFor('fcoe'), value: fcoe },
        { key: rig.functionFor('iscsi'), value: iscsi },
      ])
      const seen = await observe()
      expect(at(seen, rig.functionFor('fcoe')).pending).toEqual(fcoe)
      expect(at(seen, rig.functionFor('iscsi')).pending).toEqual(iscsi)
    })

    const chap = {
      user: 'web',
      secret: 'chap-web' as Id<'Secret'>,
      mutual: { user: 'disk', secret: 'chap-disk' as Id<'Secret'> },
    }
    const secured: FunctionValue = {
      role: 'iscsi',
      mac,
      iqn: 'iqn.2026-01.org.example:web-1' as Iqn,
      boot: {
        via: 'iscsi',
        targets: [{ iqn: 'iqn.2026-01.org.example:disk' as Iqn, address: '192.0.2.9', tcpPort: 3260, lun: '0' }],
        network: { by: 'dhcp' },
        chap,
      },
    }

    it('brings secrets to the adapter, and never reads one back', async () => {
      await observe()
      await writeAll([{ key: rig.functionFor('iscsi'), value: secured }], ['chap-web@1', 'chap-disk@2'])
      expect(rig.writtenSecrets()).toEqual([rig.secrets[chap.secret], rig.secrets[chap.mutual.secret]])
      const seen = await observe()
      expect(at(seen, rig.functionFor('iscsi')).pending).toEqual(secured)
      for (const clear of Object.values(rig.secrets)) expect(JSON.stringify(seen)).not.toContain(clear)
    })

    it('writes nothing at all when a secret is missing', async () => {
      await observe()
      const lost: FunctionValue = {
        ...secured,
        boot: {
          via: 'iscsi',
          targets: [],
          network: { by: 'dhcp' },
          chap: { user: 'web', secret: 'nobody-has-it' as Id<'Secret'> },
        },
      }
      const failed = await fault(
        writeAll([
          { key: nic, value: { role: 'nic', mac } },
          { key: rig.functionFor('iscsi'), value: lost },
        ]),
      )
      expect(failed).toMatchObject({ blind: 'hardware-refused', maybe: false })
      expect(failed.message).toContain('nobody-has-it')
      expect(functionsOf(rig.truth()).every((fn) => fn.pending === undefined)).toBe(true)
    })

    it('says no, and not maybe, to a function that is not there', async () => {
      await observe()
      expect(await fault(write('mezz9:1-a', { role: 'nic', mac }))).toMatchObject({ maybe: false })
    })

    it('clears to factory values with nothing shown: bare after the next POST', async () => {
      await observe()
      await write(nic, { role: 'nic', mac, boot: { via: 'pxe' } })
      await apply({
        kind: 'show',
        shown: { uuid: '99999999-2222-4333-8444-555555555555' as Uuid, serial: 'WEB0001' as Serial },
      })
      await apply({ kind: 'power', action: 'on' })
      rig.bmc.settle()
      expect(isBare(await observe())).toBe(false)
      await apply({ kind: 'power', action: 'off' })
      await apply({ kind: 'clear', functions: functionsOf(await observe()).map((fn) => fn.key) })
      const seen = await observe()
      expect(isBare(seen)).toBe(true)
      expect(seen.power).toBe('off')
    })

    it('shows an identity beside the factory one, and takes it back', async () => {
      await observe()
      const shown = { uuid: '99999999-2222-4333-8444-555555555555' as Uuid, serial: 'WEB0001' as Serial }
      await apply({ kind: 'show', shown })
      expect(await observe()).toMatchObject({ shown, serial: rig.truth().serial, uuid: rig.truth().uuid })
      await apply({ kind: 'show', shown: {} })
      expect((await observe()).shown).toEqual({})
    })

    it('sets the boot order, the mode and the override, and takes the override back', async () => {
      await observe()
      const orders: readonly SystemBoot[] = [
        { mode: 'legacy', order: [nic, 'local'], override: { target: 'pxe', lasts: 'once' } },
        { mode: 'uefi', order: ['setup', other], override: { target: 'remote', lasts: 'always' } },
        { mode: 'uefi', order: [] },
      ]
      for (const boot of orders) {
        await apply({ kind: 'boot', boot })
        expect((await observe()).boot).toEqual(boot)
      }
    })

    it('sets what may switch the blade on', async () => {
      await observe()
      for (const policy of [
        { restore: 'always-off', button: 'disabled', wake: 'disabled' },
        { restore: 'always-on', button: 'enabled', wake: 'disabled' },
      ] as const) {
        await apply({ kind: 'policy', policy })
        expect((await observe()).policy).toEqual(policy)
      }
    })

    it('each power action does what it says', async () => {
      await observe()
      await apply({ kind: 'power', action: 'on' })
      expect((await observe()).power).toBe('on')
      await apply({ kind: 'power', action: 'reset' })
      expect(await observe()).toMatchObject({ power: 'on', boots: 2 })
      rig.bmc.settle()
      await apply({ kind: 'power', action: 'shutdown' })
      rig.bmc.settle()
      expect(await observe()).toMatchObject({ power: 'off', stage: 'off' })
      await apply({ kind: 'power', action: 'on' })
      await apply({ kind: 'power', action: 'off' })
      expect((await observe()).power).toBe('off')
    })

    it('every step may be repeated: twice is once', async () => {
      const steps: readonly Bayless<BladeStep>[] = [
        { kind: 'policy', policy: { restore: 'always-off', button: 'disabled', wake: 'disabled' } },
        { kind: 'clear', functions: [nic, other] },
        { kind: 'write', profile, functions: [{ key: nic, value: { role: 'nic', mac } }], secrets: [] },
        { kind: 'show', shown: { serial: 'WEB0001' as Serial } },
        { kind: 'boot', boot: { mode: 'uefi', order: [nic], override: { target: 'pxe', lasts: 'once' } } },
        { kind: 'power', action: 'on' },
        { kind: 'power', action: 'off' },
      ]
      await observe()
      for (const step of steps) {
        await apply(step)
        const once = canonical(rig.truth())
        await apply(step)
        expect([step.kind, canonical(rig.truth())]).toEqual([step.kind, once])
      }
    })

    it('uses one session, and ends it when it is closed', async () => {
      for (let time = 0; time < 3; time++) await observe()
      await apply({ kind: 'power', action: 'on' })
      expect(rig.bmc.sessions()).toBe(1)
      await rig.driver.close()
      expect(rig.bmc.sessions()).toBe(0)
    })

    it('a silent BMC is a fault and not a blade', async () => {
      await observe()
      rig.bmc.silence()
      const asked = rig.bmc.asked()
      const failed = fault(observe())
      await asked
      rig.timeOut()
      expect(await failed).toMatchObject({ blind: 'bmc-silent', maybe: false })
    })

    it('a look that is given up is a fault, and the next one sees', async () => {
      await observe()
      rig.bmc.silence()
      const patience = new AbortController()
      const asked = rig.bmc.asked()
      const failed = fault(rig.driver.observe(rig.bay, patience.signal))
      await asked
      patience.abort()
      expect(await failed).toMatchObject({ blind: 'bmc-silent', maybe: false })
      rig.bmc.speak()
      expect((await observe()).serial).toBe(rig.truth().serial)
    })

    it('a call that waits for its turn and is given up has sent nothing', async () => {
      await observe()
      const held = rig.bmc.slowNextChange()
      const first = apply({ kind: 'power', action: 'on' })
      await held.arrived
      const patience = new AbortController()
      const second = fault(rig.driver.apply({ kind: 'power', bay: rig.bay, action: 'off' }, patience.signal))
      patience.abort()
      expect(await second).toMatchObject({ maybe: false })
      held.release()
      await first
      expect(rig.truth().power).toBe('on')
    })

    it('a slow BMC that answers in time is a yes', async () => {
      await observe()
      const held = rig.bmc.slowNextChange()
      const slow = apply({ kind: 'power', action: 'on' })
      await held.arrived
      held.release()
      await slow
      expect((await observe()).power).toBe('on')
    })

    it('nonsense is a fault that says so', async () => {
      await observe()
      rig.bmc.garble()
      expect(await fault(observe())).toMatchObject({ blind: 'bmc-nonsense', maybe: false })
    })

    it('a change without an answer is a maybe, and is not sent again', async () => {
      await observe()
      const held = rig.bmc.holdNextChange()
      const failed = fault(write(nic, { role: 'nic', mac }))
      await held.arrived
      rig.timeOut()
      expect(await failed).toMatchObject({ blind: 'bmc-silent', maybe: true })
      expect(at(rig.truth(), nic).pending).toBeUndefined()
      held.release()
      expect(at(await observe(), nic).pending).toEqual({ role: 'nic', mac })
    })

    it('after a barrier, a change that was under way never takes effect', async () => {
      await observe()
      const held = rig.bmc.holdNextChange()
      const failed = fault(write(nic, { role: 'nic', mac }))
      await held.arrived
      rig.timeOut()
      await failed
      await apply({ kind: 'barrier' })
      held.release()
      expect(at(await observe(), nic).pending).toBeUndefined()
      expect(rig.bmc.sessions()).toBe(1)
    })

    it("a barrier ends every other session, and stops another controller's change on its way", async () => {
      const old = rig.another('same')
      await old.observe(rig.bay, calm())
      const held = rig.bmc.holdNextChange()
      const late = fault(apply({ kind: 'power', action: 'on' }, old))
      await held.arrived
      await apply({ kind: 'barrier' })
      expect(rig.bmc.sessions()).toBe(1)
      held.release()
      rig.timeOut()
      await late
      expect((await observe()).power).toBe('off')
      // The old one finds its session gone, and does not open another on the way to a change.
      expect(await fault(apply({ kind: 'power', action: 'on' }, old))).toMatchObject({
        blind: 'session-lost',
        maybe: false,
      })
      expect(rig.truth().power).toBe('off')
      await old.close()
    })

    it('a barrier that gets no answer is no barrier', async () => {
      await observe()
      rig.bmc.silence()
      const asked = rig.bmc.asked()
      const failed = fault(apply({ kind: 'barrier' }))
      await asked
      rig.timeOut()
      expect(await failed).toMatchObject({ blind: 'bmc-silent' })
    })

    it('a lost session stops a change, which takes a new look to be made', async () => {
      await observe()
      rig.bmc.endSessions()
      const lost = { blind: 'session-lost', maybe: false }
      expect(await fault(apply({ kind: 'power', action: 'on' }))).toMatchObject(lost)
      expect(await fault(apply({ kind: 'power', action: 'on' }))).toMatchObject(lost)
      expect(rig.truth().power).toBe('off')
      await observe()
      await apply({ kind: 'power', action: 'on' })
      expect(rig.truth().power).toBe('on')
    })

    it('a look whose session was lost starts over in a new one', async () => {
      await observe()
      rig.bmc.endSessions()
      expect((await observe()).serial).toBe(rig.truth().serial)
      expect(rig.bmc.sessions()).toBe(1)
    })

    it('a change is for the blade that was looked at, not for another that came to its place', async () => {
      await observe()
      rig.bmc.speakForAnother()
      expect(await fault(apply({ kind: 'power', action: 'on' }))).toMatchObject({
        blind: 'serial-differs',
        maybe: false,
      })
      expect(await fault(write(nic, { role: 'nic', mac }))).toMatchObject({ blind: 'serial-differs', maybe: false })
      expect(rig.truth().power).toBe('off')
      expect(at(rig.truth(), nic).pending).toBeUndefined()
    })

    it('wrong credentials are told as such', async () => {
      const stranger = rig.another('wrong-password')
      expect(await fault(stranger.observe(rig.bay, calm()))).toMatchObject({ blind: 'bmc-refused', maybe: false })
      expect(rig.bmc.sessions()).toBe(0)
      await stranger.close()
    })

    it('what the hardware refuses is told as such, and leaves nothing in doubt', async () => {
      await observe()
      expect(await fault(apply({ kind: 'power', action: 'reset' }))).toMatchObject({
        blind: 'hardware-refused',
        maybe: false,
      })
      expect(rig.truth().power).toBe('off')
    })

    it('a BMC without a session left is busy, and sees us again when one is free', async () => {
      rig.bmc.occupySessions()
      expect(await fault(observe())).toMatchObject({ blind: 'bmc-busy', maybe: false })
      rig.bmc.endSessions()
      expect((await observe()).serial).toBe(rig.truth().serial)
    })

    /** An owner line in the test's hand, and a driver that reads it. */
    const withLine = () => {
      const line = { ours: true, reads: 0, held: Promise.resolve(), reached: () => {} }
      const driver = rig.another('same', async () => {
        line.reads++
        line.reached()
        await line.held
        if (!line.ours) throw new Fault('not-owner', 'not the owner: slot B owns the backplane')
      })
      /** The next reading of the line is answered when released, as it was when it was asked. */
      const hold = (): { readonly reached: Promise<void>; release(): void } => {
        let release = () => {}
        const reached = new Promise<void>((resolve) => {
          line.reached = resolve
        })
        line.held = new Promise<void>((resolve) => {
          release = resolve
        })
        return { reached, release }
      }
      return { line, driver, hold }
    }
    const notOwner = { blind: 'not-owner', maybe: false }

    it('reads the owner line before each change, in the session of the look, and changes what is its own', async () => {
      const { line, driver } = withLine()
      await driver.observe(rig.bay, calm())
      expect(line.reads).toBe(0)
      await apply({ kind: 'power', action: 'on' }, driver)
      expect([line.reads, rig.truth().power, rig.bmc.sessions()]).toEqual([1, 'on', 1])
      await apply({ kind: 'power', action: 'off' }, driver)
      expect([line.reads, rig.truth().power]).toEqual([2, 'off'])
      await driver.close()
    })

    it('a change after the line was lost is not sent', async () => {
      const { line, driver } = withLine()
      await driver.observe(rig.bay, calm())
      line.ours = false
      const before = canonical(rig.truth())
      const steps: readonly Bayless<BladeStep>[] = [
        { kind: 'power', action: 'on' },
        { kind: 'write', profile, functions: [{ key: nic, value: { role: 'nic', mac } }], secrets: [] },
        { kind: 'clear', functions: [nic] },
        { kind: 'show', shown: { serial: 'WEB0001' as Serial } },
        { kind: 'boot', boot: { mode: 'legacy', order: [nic] } },
        { kind: 'policy', policy: { restore: 'always-off', button: 'disabled', wake: 'disabled' } },
      ]
      for (const step of steps) {
        expect([step.kind, await fault(apply(step, driver))]).toMatchObject([step.kind, notOwner])
        expect([step.kind, canonical(rig.truth())]).toEqual([step.kind, before])
        await driver.observe(rig.bay, calm())
      }
      await driver.close()
    })

    it('a line that can not be read stops a change like one that was lost', async () => {
      const driver = rig.another('same', async () => {
        throw new Fault('backplane-silent', 'the backplane is silent')
      })
      await driver.observe(rig.bay, calm())
      expect(await fault(apply({ kind: 'power', action: 'on' }, driver))).toMatchObject({
        blind: 'backplane-silent',
        maybe: false,
      })
      expect(rig.truth().power).toBe('off')
      await driver.close()
    })

    it('after the line was lost and came back, a change takes a new look to be made', async () => {
      const { line, driver } = withLine()
      await driver.observe(rig.bay, calm())
      line.ours = false
      expect(await fault(apply({ kind: 'power', action: 'on' }, driver))).toMatchObject(notOwner)
      line.ours = true
      expect(await fault(apply({ kind: 'power', action: 'on' }, driver))).toMatchObject({ blind: 'session-lost' })
      expect(rig.truth().power).toBe('off')
      await driver.observe(rig.bay, calm())
      await apply({ kind: 'power', action: 'on' }, driver)
      expect(rig.truth().power).toBe('on')
      await driver.close()
    })

    it('a write begun in a session that the new owner ended is not carried over into a new session', async () => {
      const { driver: old, hold } = withLine()
      await old.observe(rig.bay, calm())
      const held = hold()
      const late = fault(
        apply({ kind: 'write', profile, functions: [{ key: nic, value: { role: 'nic', mac } }], secrets: [] }, old),
      )
      await held.reached
      // The old owner has read the line as its own; now the new one takes it, and ends all sessions.
      await apply({ kind: 'barrier' })
      held.release()
      expect(await late).toMatchObject({ blind: 'session-lost', maybe: false })
      expect(rig.bmc.sessions()).toBe(1)
      expect(at(rig.truth(), nic).pending).toBeUndefined()
      expect(await fault(apply({ kind: 'power', action: 'on' }, old))).toMatchObject({ blind: 'session-lost' })
      expect(rig.truth().power).toBe('off')
      await old.close()
    })

    it('a barrier ends no session of others for who does not own the line', async () => {
      const { line, driver: deposed } = withLine()
      await observe()
      line.ours = false
      expect(await fault(apply({ kind: 'barrier' }, deposed))).toMatchObject(notOwner)
      // Ours is still open: what was seen in it can be changed.
      await apply({ kind: 'power', action: 'on' })
      expect(rig.truth().power).toBe('on')
      await deposed.close()
    })

    it('a barrier reads the line in a session that is open already', async () => {
      const { driver, hold } = withLine()
      const held = hold()
      const ended = apply({ kind: 'barrier' }, driver)
      await held.reached
      expect(rig.bmc.sessions()).toBe(1)
      held.release()
      await ended
      await driver.close()
    })

    it('a barrier works with our own session when others hold all the rest', async () => {
      await observe()
      rig.bmc.occupySessions()
      await apply({ kind: 'barrier' })
      expect(rig.bmc.sessions()).toBe(1)
    })
  })
}
