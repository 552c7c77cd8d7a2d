/**
 * The controller's own health. systeminformation asks shells and takes its time: so it is loaded late, asked for little,
 * seldom, and never on the command path.
 */
import type { HostHealth } from '../core/views.ts'

export async function readHost(): Promise<HostHealth> {
  const si = await import('systeminformation')
  const [load, memory, temperature, interfaces, os] = await Promise.all([
    si.currentLoad(),
    si.mem(),
    si.cpuTemperature(),
    si.networkInterfaces(),
    si.osInfo(),
  ])
  const list = Array.isArray(interfaces) ? interfaces : [interfaces]
  return {
    hostname: os.hostname,
    cpus: load.cpus.length,
    load: Math.round(load.currentLoad) / 100,
    memoryBytes: memory.total,
    memoryFreeBytes: memory.available,
    ...(typeof temperature.main === 'number' && temperature.main > 0 && { celsius: Math.round(temperature.main) }),
    interfaces: list.map(({ iface, ip4, operstate }) => ({
      name: iface,
      address: ip4,
      up: operstate === 'up' || operstate === 'unknown',
    })),
  }
}
