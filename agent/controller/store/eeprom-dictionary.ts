/**
 * What the values in the chassis EEPROM mostly consist of, so that even the first few bytes of a value compress.
 * The most frequent phrases stand last, where they cost least. It belongs to format 1: an EEPROM written with it can
 * be read only with it, so a change is a new format number, and this text stays.
 */
export const EEPROM_DICTIONARY = Buffer.from(
  [
    'life\0{"board":"ibm-bladecenter-h","board":"dell-m1000e","board":"hpe-synergy-12000","board":"hp-c7000","chassis":"","format":1,"incarnation":"',
    'secret:{"id":"chap","mark":"","sealed":"',
    '"pool:{"marks":[{"count":1,"first":"","state":"external"},{"count":1,"first":"","state":"quarantined"}],',
    'pool:{"marks":[],"spec":{"exclude":[{"count":,"first":"","id":"","kind":"iqn","range":{"by":"count","count":1024,"first":"iqn.20","pairs":true}}}',
    '"id":"san","kind":"wwpn","range":{"by":"preset","index":1,"preset":"cisco-ucs"}"oneview"}}"hp-vcem"}}',
    '"id":"lan","kind":"mac","range":{"by":"preset","index":1,"preset":"hp-vc"}}}',
    '"interconnect":"ic1""bandwidth":{"maxMbps":10000,"minMbps":1000}',
    '"chap":{"mutual":{"secret":"","user":""},"secret":"","user":""},',
    '"network":{"address":"192.168.","by":"static","gateway":"192.168.","netmask":"255.255.255.0"}',
    '"network":{"by":"dhcp"},"target":"iscsi","targets":[{"address":"10.0.0.","iqn":"iqn.20","lun":"0","tcpPort":3260}]',
    '"iqn":"iqn.20"iqn":{"from":"value","value":"iqn.20"mac":{"from":"factory"}',
    '{"connection":"","target":"http","uri":"http://{"connection":"","target":"pxe"}{"target":"setup"}{"target":"local"}',
    '"description":"","serial":"","uuid":"","affinity":"bay","affinity":"blade","mode":"legacy"',
    '"kind":"fcoe","mac":{"from":"pool","pool":"","kind":"iscsi","slot":"lom","port":1,"slot":"mezz1"',
    'profile:web-01\0{"given":{"eth0":{"mac":"00:25:b5:","wwnn":"20:00:00:25:b5:',
    '"prod":{"mac":"00:17:a4:77:00:"},"san":{"wwnn":"50:06:0b:00:00:c2:62:","wwpn":"50:06:0b:00:00:c2:62:"}},',
    '"profile":{"affinity":"model","boot":{"mode":"uefi","order":[{"connection":"san","target":"fc","targets":[{"lun":"0","wwpn":"50:06:01:6"}]}]},',
    '"connections":[{"id":"prod","kind":"nic","mac":{"from":"pool","pool":"lan"},"slot":"lom"},',
    '{"id":"san","kind":"fc","vlan":,"wwnn":{"from":"pool","pool":"san"},"wwpn":{"from":"pool","pool":"san"}}],"id":"',
    '"authority\0{"epoch":1,"floor":0,"lineages":{"main":},"office":{"client":"central","lineage":"main","number":},"term":1}',
    '"override":{"left":1,"setAt":,"target":"pxe"},"kept":true,"keeps":true,"vouched":true,"mezz2:1-v',
    '"power":"off"}bay:1\0{"intent":{"affinity":"model","blade":{"product":"BladeCenter PowerEdge M620Synergy 480 Gen10UCS B200 M3ProLiant BL460c G7',
    '","serial":"SN"},"profile":"web-0","revision":1,"token":1},"power":"on"}',
    'doubt:web-0:\0{"bay":1,"placed":{"eth0":"mezz1:2-a","fc0":"lom:2-b","prod":"lom:1-a","backup":"lom:1-b","san":"mezz1:1-a"},"token":1}',
    'revision\0head\0{"term":1,"index":,"digest":"',
  ].join(''),
)
