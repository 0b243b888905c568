import re,hashlib,sys
titles={'json':'/* The JSON parser behind its C interface: strictness, values, walking. */','event':'/* Names, types, identity and payload digest of events. */','batch':'/* The wire format of a message: what is written, what is read back, what is a broken frame. */','decode':'/* Events in, faults out: envelope, user, and what holds for the whole event. */','engagement':'/* The engagement, leniently and strictly. */'}
for n in sys.argv[1:]:
    b=open(f'body_{n}.tmp').read()
    k=hashlib.sha256(b'facebook\0fb-1').digest()[:16]
    b=b.replace('@KEY@',', '.join('0x%02x'%x for x in k)+',')
    b=b.replace('@DIGEST@','0x'+hashlib.sha256(b'{"a":"xy","b":[1,2]}'.replace(b'xy',b'x y')).hexdigest()[:16])
    b=b.replace('@BATCH@',hashlib.sha256(b'{"a":1}\n{"b":2}\n{}\n').hexdigest())
    tests=re.findall(r'^static void (test_\w+)\(void \*\*state',b,re.M)
    m='\nint main(void)\n{\n    const struct CMUnitTest tests[] = {\n'+''.join(f'        cmocka_unit_test({t}),\n' for t in tests)+'    };\n\n    return cmocka_run_group_tests(tests, NULL, NULL);\n}\n'
    open(f'test_{n}.c','w').write(titles[n]+'\n'+open('head.tmp').read()+'\n'+b+m)
