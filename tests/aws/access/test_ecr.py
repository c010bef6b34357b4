from infra.aws.access.ecr import ecr_host, ecr_password

OURS = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/gluon-rig"


def test_the_password_is_the_one_that_docker_login_takes(aws):
    assert ecr_password(aws, OURS) == b"123456789012-auth-token"


def test_only_ecr_s_own_names_are_logged_in_to():
    assert ecr_host(OURS) == "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert ecr_host("docker.io/ada/gluon-rig") == ""
    assert ecr_host("evil.com/123456789012.dkr.ecr.eu-west-1.amazonaws.com") == ""
