import subprocess,re,sys,collections
out=subprocess.run(["arm-none-eabi-nm","-CS","--size-sort",sys.argv[1]],stdout=subprocess.PIPE,universal_newlines=True).stdout
g=collections.Counter()
for l in out.splitlines():
    p=l.split(None,3)
    if p[2] in "tTwW":
        n=p[3]; s=int(p[1],16)
        k='c-app/libc'
        for pat,name in [("device::","core device"),("sealwire_device","ffi device"),("edhoc","core edhoc"),("record::","core record"),("cbor","core cbor"),("persist","two_slot"),("sealwire_two_slot","two_slot"),("uart","uart"),("curve25519|fiat|x25519","prim x25519"),("chacha|poly","prim aead"),("crypto::hash|sha2","prim hash"),("sealwire","other sealwire"),("panick|core::","rust core"),("compiler_builtins","builtins")]:
            if re.search(pat,n): k=name;break
        g[k]+=s
for k,v in g.most_common(): print(v,k)
print(sum(g.values()))
