"""Keys and passwords stay here: by name, or by what is written in the file. Whatever is none is sent.

The keys below are put together only while the tests run, so that this file is sent, too.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import random
import string
import subprocess
from pathlib import Path

import pytest

from infra.host import secret_scan
from infra.host.secret_names import is_secret, patterns
from infra.host.secret_scan import find_in_text, look_into
from infra.host.selection import remarks, select_code, select_data

PROJECT = Path(__file__).parents[2]
BY_NAME = """
accessKeys.csv ada_accessKeys.csv rootkey.csv credentials.csv new_user_credentials.csv .aws/credentials .aws/config
credentials credentials.json service-account.json service_account.json my-project-service-account-1f2e.json
application_default_credentials.json client_secret_123.apps.googleusercontent.com.json token.json token.pickle .boto
.config/gcloud/credentials.db x-firebase-adminsdk-a1.json gcp-key.json .azure/accessTokens.json azureauth.properties
local.settings.json app.publishsettings .oci/config .aliyun/config.json .s3cfg .passwd-s3fs rclone.conf
.config/rclone/rclone.conf .config/doctl/config.yaml .databrickscfg .snowsql/config kubeconfig kubeconfig.yaml
prod-kubeconfig.yaml cluster.kubeconfig .kube/config admin.conf k3s.yaml .docker/config.json .dockercfg
.dockerconfigjson .config/containers/auth.json terraform.tfstate terraform.tfstate.backup prod.tfvars
secrets.auto.tfvars.json .terraform/terraform.tfstate .terraformrc credentials.tfrc.json .vault-token .vault_pass
.vault_pass.txt vault-password vault.yml .npmrc .pypirc .gem/credentials .cargo/credentials .cargo/credentials.toml
.m2/settings.xml auth.json .git-credentials .config/git/credentials .config/gh/hosts.yml .config/hub .netrc _netrc
.authinfo .pgpass pgpass.conf .my.cnf my.cnf .mylogin.cnf .kaggle/kaggle.json kaggle.json .huggingface/token
.cache/huggingface/token .hf_token wandb_api_key.txt clearml.conf .streamlit/secrets.toml .htpasswd .curlrc
.ssh/id_rsa id_rsa id_ed25519 id_ecdsa.old deploy_rsa github_ed25519 ssh_host_ed25519_key server.pem server.key
Server.PEM login.ppk cert.p12 cert.pfx AuthKey_1.p8 release.keystore debug.jks client.ovpn wg0.conf .gnupg/secring.gpg
secring.gpg sops/age/keys.txt my.agekey wallet.dat vault.kdbx pass.kdb export.1pux login.keychain-db
bitwarden_export_2026.json lastpass_export.csv "Chrome Passwords.csv" .password-store/mail.gpg .bash_history
.zsh_history .python_history .psql_history .mysql_history .node_repl_history .sqlite_history .rediscli_history
.Rhistory .viminfo "Login Data" Cookies cookies.sqlite cookies.txt logins.json key4.db .env .env.local .env.production
prod.env .envrc .ENV .env~ .env.bak .env.old ..env.swp #.env# .#.env .env.1 "accessKeys (1).csv"
"credentials copy.json" .credentials.json.swp id_rsa.bak .pgpass~ kubeconfig.old SECRETS.YAML secrets.yaml
secrets.toml .dev.vars .gdrive/token_v2.json .railway/config.json .config/heroku/token .wrangler/config/default.toml
ngrok.yml .cloudflared/1.json tailscaled.state hudson.util.Secret GITHUB_PAT.txt .pat github-recovery-codes.txt
creds.json pydrive_creds.txt db_creds.ini user.keytab krb5cc_1000 .Xauthority .smbcredentials .davfs2/secrets .wgetrc
.lftp/bookmarks auth-user-pass.txt cisco.pcf wireguard.conf openvpn.conf PrivateKey.xml private.key.json
signing.properties secretkey.txt secret_key_base.txt seed_phrase.txt mnemonic.txt otpauth.txt access-token.json
refresh_token.txt oauth_token.json bearer.txt pass.txt pw.txt login.txt env.production prod.env.json
AwsCredentials.properties token.yaml deploy.pem.txt passwörter.txt kennwort.txt contraseñas.txt motdepasse.txt
.databricks/token-cache.json .snowflake/connections.toml .config/op/config .config/linode-cli .fly/config.yml
.config/netlify/config.json .config/configstore/firebase-tools.json .config/openstack/clouds.yaml .neptune/token
.cdsapirc .replicate/token .modal.toml .vast_api_key .config/vastai/vast_api_key .lambda_cloud/lambda_keys
.ecmwfapirc .urs_cookies .copernicusmarine-credentials .saml2aws .aws-vault/keys .passwd-goofys .s3fs_pass
aws_keys.txt s3_keys.json gcs-key.json gcloud-service-key.json firebase-key.json sa-key.json svc-account-key.json
youtube-oauth2.json kube.config talosconfig.yaml kubeconfig-prod.yml .config/helm/registry.json
.config/argocd/config ansible-vault.txt .doppler/.doppler.yaml system-connections/home.nmconnection
wpa_supplicant-wlan0.conf ipsec.secrets chap-secrets eap.secrets .rhosts etc/shadow gshadow NTDS.dit lsass.dmp
vncpasswd .x11vnc/passwd .netrc.wandb .authinfo.gpg .mailrc .sasl_passwd .dbshell .histfile .config/pgcli/history
fish_variables .docker/.token_seed jupyter_cookie_secret jpserver-17.json telethon.session authy.json 2fa.txt
otp_seed.txt metamask_seed.txt UTC--2026-01-01T00-00-00Z--ab .config/solana/id.json key.properties id_xmss
secrets.json secret.yml db-secrets.yaml secrets/db.txt passwords.txt password.txt api_key.txt api-keys.json
apikey.txt token.txt master.key .secrets/x.txt terraform.tfvars.bak deep/down/.env.staging .ssh/config.d/work
notes/.Netrc .config/github-copilot/apps.json .gitlab-runner/config.toml .age/key.txt age-identity.txt .1password/a
dashlane_export.json nordpass.csv "Proton Pass_export.csv" .mongosh/history .octave_hist .ptpython/history
.local/share/jupyter/runtime/kernel-1.json .config/wandb/settings .config/runpod/config.toml
.roboflow/config.json anthropic_key.txt .config/stripe/config.toml .twilio-cli/config.json .sentryclirc .hcloud.toml
.ovh.conf .civo.json .ibmcloud/config.json .bypy/bypy.json .dropbox_uploader .config/mcli/config.json .restic/pw
restic.pw borg_passphrase .pgservice.conf .influxdbv2/configs jmxremote.password nginx.htpasswd master.passwd
system.hive cluster.rkestate kubelet.conf .acme.sh/account.conf .step/secrets/root_ca_key encrypted_data_bag_secret
ansible_vault_password .consul/token private.asc pgp-secret.asc .putty/x ssh_key rsa_key my_private_key.txt
ed25519_key.priv .weechat/sec.conf "Local State" seedphrase.txt recovery_phrase.txt "BitLocker Recovery Key 1.TXT"
filevault_recovery_key.txt luks-header.img .google_authenticator aegis-backup.json andotp.json vpn_auth.txt
user_pass.txt wg.conf .fortivpn/x forticlient.conf identity.secret authtoken .jfrog/jfrog-cli.conf.v6 registry-auth.json
secret mysecret.txt secrets.dec.yaml vault-init.json approle.json secret_id creds .creds cred.txt passwords pwds.txt
mypasswords.txt passphrase.txt clientsecret.txt .cookie_secret encryption_key.txt deploy_key
"""
NOT_BY_NAME = """
.env.example .env.sample .env.template example.env terraform.tfvars.example credentials.json.sample id_rsa.pub
secrets.py credentials.py token.py tokenizer.json tokens.json keys.py my.env/train.py training/data/secrets.py
kubeconfig.py secrets/__init__.py .docker/Dockerfile key.py environment.yml config.json keyboard.csv history.py
private_key.py access_token.py creds.py login.html web.config keys.txt pass.py mnemonic.py bearer.html shadow.csv
monkey.txt passwords.py seed.txt seeds.json answer_key.json clouds.yaml session.csv sessions.json shadow history
storage.json openstack.py identity wallet.csv id.json key_points.json logins.csv primary_key.txt session.py
hockey.json secret.md secretary.txt accredited.txt keypoints.json asc.txt recovery.txt user_passages.txt
render.py vault.py .github/workflows/ci.yml author.json
"""


def words(text: str) -> list[str]:
    import shlex

    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    return list(lexer)


def test_no_name_that_a_tool_gives_its_secrets_leaves() -> None:
    assert [name for name in words(BY_NAME) if not is_secret(name)] == []
    assert [name for name in words(BY_NAME.upper()) if not is_secret(name)] == []


def test_names_that_only_look_alike_do() -> None:
    assert [name for name in words(NOT_BY_NAME) if is_secret(name)] == []


def test_the_manual_says_where_the_whole_list_is_and_each_pattern_has_a_known_shape() -> None:
    assert "infra/host/data/secret_names.txt" in (PROJECT / "docs" / "host.md").read_text()
    assert [one for one in patterns() if one != one.lower() or one.rstrip("/").count("/") > 2] == []


draw = random.Random(11)
LETTERS = string.ascii_letters + string.digits


def some(length: int, letters: str = LETTERS) -> str:
    return "".join(draw.choice(letters) for _ in range(length))


def key_file(kind: str, folder: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-m", "PEM", "-f", str(folder / kind)], check=True)
    return (folder / kind).read_text()


def notebook(output: str) -> str:
    cell = {"cell_type": "code", "source": ["!env\n"], "outputs": [{"output_type": "stream", "text": [output + "\n"]}]}
    return json.dumps({"cells": [cell], "nbformat": 4}, indent=1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files with a secret in them whose names say nothing."""
    key = key_file("rsa", tmp_path_factory.mktemp("keys"))
    aws_id, aws_key = "AK" + "IA" + some(16, string.ascii_uppercase + "234567"), some(40, LETTERS + "/+")
    export = f"export AWS_ACCESS_KEY_ID={aws_id}\nexport AWS_SECRET_ACCESS_KEY={aws_key}\n"
    hf, gh = "hf" + "_" + some(34, string.ascii_letters), "gh" + "p_" + some(36)
    account = json.dumps({"type": "service_account", "private_key": key, "client_email": "a@b.iam.gserviceaccount.com"})
    texts = {
        "notes.txt": "my key\n" + key,
        "keys.py": f'KEY = """{key}"""\n',
        "escaped.yaml": json.dumps({"k": key}),
        "account.txt": account,
        "deploy.sh": export,
        "windows.sh": export.replace("\n", "\r\n"),
        "boto.py": f'Session(aws_access_key_id="{aws_id}", aws_secret_access_key="{aws_key}")\n',
        "only_key.yaml": f"aws:\n  secret_access_key: {aws_key}\n",
        "table.csv": f"name,id,key\nada,{aws_id},{aws_key}\n",
        "seen.ipynb": notebook(f"AWS_SECRET_ACCESS_KEY={aws_key}"),
        "hub.ipynb": notebook(f"HF_TOKEN={hf}"),
        "hub.py": f'login(token="{hf}")\n',
        "forge.py": f'headers = {{"Authorization": "token {gh}"}}\n',
        "lab.yaml": "token: glp" + f"at-{some(20)}\n",
        "chat.py": 'T = "xo' + f'xb-{some(12, string.digits)}-{some(24)}"\n',
        "hook.yaml": f"url: https://discord.com/api/webhooks/{some(18, string.digits)}/{some(68)}\n",
        "pay.py": 'stripe.api_key = "sk' + f'_live_{some(24)}"\n',
        "ai.py": 'OpenAI(api_key="sk' + f'-proj-{some(48)}")\n',
        "wandb.py": f'wandb.login(key="{some(40, "0123456789abcdef")}")\n',
        "index.txt": "--index-url https://ada:pa" + "ss@pypi.internal/simple\nnumpy\n",
        "database.py": f'URL = "postgresql://ada:{some(12)}@db.internal/prod"\n',
        "docker.txt": json.dumps({"auths": {"r.io": {"auth": base64.b64encode(b"ada:" + some(9).encode()).decode()}}}),
        "settings.ini": f"[db]\nuser = ada\npassword = {some(10)}7x\n",
        "config.yaml": "db_password: 'geheim" + "4711'\n",
        "plain.sh": f"curl -H 'Authorization: Bearer {some(32)}' https://x\n",
        "machine.txt": f"machine api.wandb.ai\n  login user\n  password {some(40)}\n",
        "age.txt": "AGE-SECRET" + f"-KEY-1{some(58, string.ascii_uppercase)}\n",
        "dump.sh": f"mysqldump -u root -p{some(10)}7x db > out.sql\n",
        "copy.sh": f"sshpass -p '{some(10)}7' scp a me@host:\n",
        "push.sh": f"docker login -u ada -p {some(12)}8 r.io && docker push r.io/a\n",
        "cells.txt": f"!wandb login {some(40, '0123456789abcdef')}\n",
        "set.sh": f"aws configure set aws_secret_access_key {aws_key}\n",
        "server.xml": f"<server><username>ada</username><password>{some(11)}3</password></server>\n",
        "mail.py": f"smtp.login('ada@lab.org', '{some(14)}42')\n",
        "Store.java": f'System.setProperty("javax.net.ssl.keyStorePassword", "{some(11)}42");\n',
        "vm.ps1": f'$p = ConvertTo-SecureString "{some(11)}42" -AsPlainText -Force\n',
        "Dockerfile.db": f"FROM mysql\nENV MYSQL_ROOT_PASSWORD {some(10)}9x\n",
        "Makefile.deploy": f"DEPLOY_TOKEN := {some(14)}42\n",
        "call.py": f"Client('AC{some(32, '0123456789abcdef')}', '{some(32, '0123456789abcdef')}')\n",
        "blob.txt": f"https://a.blob.core.windows.net/c/x?sp=r&sig={some(43)}%3D\n",
        "pg.sh": f"cat > x <<E\ndb.internal:5432:prod:ada:{some(12)}7\nE\n",
        "zugang.py": f"passwort = '{some(10)}7x'\n",
        "hosts.ini": f"[all:vars]\nansible_ssh_pass={some(10)}7x\n",
        "asked.txt": f"Cookie: lang=de; sessionid={some(30)}42\n",
        "monitor.py": f"sentry_sdk.init('https://{some(32, '0123456789abcdef')}@o42.ingest.us.sentry.io/4507')\n",
        "wallet.ini": "[wallet]\nmnemonic = " + " ".join(some(5, string.ascii_lowercase) for _ in range(12)) + "\n",
        "words.yaml": 'seed_phrase: "' + " ".join(some(6, string.ascii_lowercase) for _ in range(24)) + '"\n',
        "putty.txt": "PuTTY-User-Key" + "-File-3: ssh-rsa\n",
    }  # fmt: skip
    return {**{name: text.encode() for name, text in texts.items()}, "wide.sh": export.encode("utf-16"),
            "latin.sh": b"# cl\xe9\n" + export.encode()}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "home"
    found.mkdir()
    monkeypatch.setenv("HOME", str(found))
    return found


def test_what_is_written_in_a_file_counts_whatever_it_is_called(written: dict[str, bytes], tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    for name, content in written.items():
        (code / name).write_bytes(content)

    chosen = select_code(code)

    assert chosen.sent == ()
    assert select_data(code).sent == ()
    words = "\n".join(remarks(chosen))
    assert "To send one all the same, write its name into .rigignore: !" in words
    assert [name for name in sorted(written)[:20] if name not in words] == []
    # Neither what is said nor what is remembered holds any of it.
    kept = "".join(path.read_text() for path in (tmp_path / "home").rglob("*.json"))
    secrets = [word for text in written.values() for word in text.decode("latin-1").split() if len(word) > 30]
    assert [secret for secret in secrets if secret in words + kept] == []


@pytest.mark.parametrize("tree", ["training", "infra", "scripts", "tests", "docs", "bench", "mxnet", "sklearn"])
def test_nothing_is_held_back_for_a_false_alarm(tree: str) -> None:
    if (PROJECT / tree).is_dir():
        folder = PROJECT / tree
    elif found := importlib.util.find_spec(tree):
        folder = Path(str(found.origin)).parent
    else:
        pytest.skip(f"{tree} is not installed here")

    assert select_data(folder).secrets == {}


def test_only_what_changed_is_looked_into_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"# {name}")
    looked: list[str] = []
    look = secret_scan._look
    monkeypatch.setattr(secret_scan, "_look", lambda path: looked.append(path.name) or look(path))

    for _ in range(2):
        assert look_into(tmp_path, ["a.py", "b.py"], most_bytes=1000).secrets == {}
    (tmp_path / "a.py").write_text("# c.py")
    os.utime(tmp_path / "a.py", (0, 0))  # an older time is a change, too
    look_into(tmp_path, ["a.py", "b.py"], most_bytes=1000)

    assert looked == ["a.py", "b.py", "a.py"]


def test_pictures_weights_and_large_files_are_not_looked_into(written: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(written["notes.txt"] + b"x" * 5000)
    (tmp_path / "weights.params").write_bytes(b"\0" * 100 + written["notes.txt"])

    assert look_into(tmp_path, ["large.txt", "weights.params", "gone.txt"], most_bytes=5000).secrets == {}


def test_a_memory_that_is_damaged_or_of_other_rules_is_not_believed(
    written: dict[str, bytes], tmp_path: Path, home: Path
) -> None:
    (tmp_path / "a.sh").write_bytes(written["deploy.sh"])
    look_into(tmp_path, ["a.sh"], most_bytes=5000)
    (memory,) = home.rglob("looked-into/*.json")
    for content in ('{"rules": "older", "seen": {}}', "no json", '{"rules": 1}', "[]"):
        memory.write_text(content)

        assert list(look_into(tmp_path, ["a.sh"], most_bytes=5000).secrets) == ["a.sh"]


def test_a_key_in_a_command_is_noticed_and_plain_words_are_not(written: dict[str, bytes]) -> None:
    assert "token" in find_in_text(written["hub.py"].decode())
    assert find_in_text("num_epochs=3 lr=0.1 net=lenet --seed 12345678901234567890") == ""
