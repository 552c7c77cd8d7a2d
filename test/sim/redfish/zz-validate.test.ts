import { readFileSync, readdirSync } from 'node:fs'
import Ajv from 'ajv'
import { it } from 'vitest'
import { serveRedfish } from '/work/main/agent/sim/redfish/face.ts'
import { oneBlade } from '/work/main/test/sim/redfish/one-blade.ts'
it('validates', async () => {
  const dir = '/work/shared/facts/redfish/schema/'
  const files = readdirSync(dir)
  const strip = (j: any): any => Array.isArray(j) ? j.map(strip) : j && typeof j === 'object' ? (typeof j.$ref === 'string' && j.$ref.startsWith('http') ? {} : Object.fromEntries(Object.entries(j).filter(([k]) => k !== 'format').map(([k, v]) => [k, strip(v)]))) : j
  const world = oneBlade()
  world.replace((b) => ({...b, adapters: b.adapters.map(a => ({...a, functions: a.functions.map((f, i) => ({...f, pending: i ? {role:'iscsi', iqn: 'iqn.2026-01.org.example:w', bandwidth:{minMbps:100,maxMbps:1000}, boot:{via:'iscsi',targets:[{iqn:'iqn.2026-01.org.example:d',address:'192.0.2.1',tcpPort:3260,lun:'ffffffffffffffff'}],network:{by:'dhcp'},chap:{user:'u',secret:'s'}}} as any : {role:'fc', wwpn:'50:06:0b:00:00:c2:62:00', boot:{via:'fc',targets:[{wwpn:'50:06:0b:00:00:c2:62:00',lun:'1'}]}} as any}))}))}))
  const face = await serveRedfish(world.port, { bay: 3, host: '127.0.0.1', tcpPort: 0 })
  const r = await fetch(face.url + '/redfish/v1/SessionService/Sessions', { method: 'POST', headers: {'content-type':'application/json'}, body: JSON.stringify({ UserName: 'admin', Password: 'blade-pw' }) })
  const token = r.headers.get('x-auth-token')!
  const todo = ['/redfish/v1/']; const seen = new Set<string>()
  let n = 0, bad = 0
  while (todo.length) {
    const p = todo.pop()!; if (seen.has(p)) continue; seen.add(p)
    const body: any = await (await fetch(face.url + p, { headers: { 'x-auth-token': token } })).json()
    JSON.stringify(body, (k, v) => { if (k === '@odata.id') todo.push(v); return v })
    const t = body['@odata.type'].slice(1).split('.'); const name = t.slice(0, -1).join('.'), def = t.at(-1)
    const f = files.find(x => x === name + '.json')
    if (!f) { console.log('no schema', p, name); continue }
    const schema = strip(JSON.parse(readFileSync(dir + f, 'utf8')))
    const ajv = new Ajv({ strict: false, allErrors: true, validateSchema: false })
    const { $schema, $id, ...rest } = schema
    if (rest.definitions[def].anyOf && !rest.definitions[def].properties) { rest.definitions[def].anyOf = rest.definitions[def].anyOf.filter((x:any) => Object.keys(x).length && x.$ref?.startsWith('#') || x.properties) }
    const v = ajv.compile({ ...rest, $ref: '#/definitions/' + def })
    n++
    if (!v(body)) { bad++; console.log('BAD', p, JSON.stringify(v.errors, null, 1).slice(0, 1500)) }
  }
  console.log('validated', n, 'bad', bad)
  await face.close()
})
