/**
 * What the values in the chassis EEPROM mostly consist of, so that even the first few bytes of a value compress.
 * The most frequent phrases stand last, where they cost least. It belongs to format 1: an EEPROM written with it can
 * be read only with it, so a change is a new format number, and this text stays.
 */
export const EEPROM_DICTIONARY = Buffer.from(
  [
    '"description":"","affinity":"blade""affinity":"bay""affinity":"model"',
    '{"from":"factory"}{"from":"value","value":"',
    '"range":"entries":"excluded":"quarantined":"external":"free":"inUse":"floor":"tombstone":"handed":"next":"claim":"',
    '"secret":"chap":{"user":"mutual":{"user":"gateway":"netmask":"255.255.255.0","by":"static","address":"192.168.',
    '"network":{"by":"dhcp"}"tcpPort":3260,"address":"10.0.0.',
    '"iqn":"iqn.20',
    '"uri":"http://',
    '"holder":"incarnation":"custody":"here","token":"epoch":"lineage":"number":"members":["',
    '"bandwidth":{"minMbps":1000,"maxMbps":10000}"interconnect":"ic1""port":1,"slot":"lom""slot":"mezz1"',
    '"mode":"uefi","order":[{"target":"local"}]"target":"pxe","connection":"target":"iscsi","connection":"',
    '"boot":{"mode":"uefi","order":[{"connection":"","target":"fc","targets":[{"lun":"0","wwpn":"50:06:',
    '"allocation":{"eth0":{"mac":"00:17:a4:77:00:"},"fc0":{"wwnn":"50:06:0b:00:00:c2:62:","wwpn":"50:06:0b:00:00:c2:62:',
    '"vlan":"wwpn":{"from":"pool","pool":"wwns"},"wwnn":{"from":"pool","pool":"',
    '"connections":[{"id":"eth0","kind":"nic","mac":{"from":"pool","pool":"macs"}},{"id":"fc0","kind":"fc"',
    '"pool":"secret:"bay:1"profile:web-0"profile":"web-0"serial":"uuid":"inDoubt":[],"blade":"verified":"armed":',
    '"power":"off""power":"on","n":1,"token":"1","bay":null,true,false,',
    'head\0{"term":0,"index":,"digest":"',
  ].join(''),
)
